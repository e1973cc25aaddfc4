// Two eras of MCP on either side of the gateway, two transports on either side: sixteen combinations, and in
// each everything that an agent and a server can say to each other. The official client (version 2, which
// speaks both eras) where it shows what matters, messages without an SDK where it would hide it.

import { createHash } from 'node:crypto';
import { ensure, equal, eventually } from '../lib/checks.js';
import { openAgent } from '../lib/agents.js';
import { connectHttp2, connectStdio2 } from '../lib/clients.js';
import { Home, local, remote } from '../lib/gateway.js';
import { fixture, toolgate } from '../lib/programs.js';
import { startFixtureOn } from './conformance.js';

const transports = ['stdio', 'HTTP'];
const eras = ['legacy', 'modern'];
const year = { legacy: '2025-11-25', modern: '2026-07-28' };
const pairs = transports.flatMap((transport) => eras.map((era) => ({ transport, era })));

const capabilities = { elicitation: { form: {} }, sampling: {} };
const watched = 'test://watched-resource';

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  for (const server of pairs) {
    let where;
    const ready = await checks.test(`a gateway before a ${year[server.era]} server over ${server.transport}`,
      async () => (where = await open(server)));
    for (const agent of ready ? pairs : []) await allFeatures(checks, { ...where, agent, server });
    await where?.close();
  }
}

// A server of this kind and the gateway before it: {home, url, restart(), close()}.
async function open({ transport, era }) {
  const options = ['--surface', 'features', '--era', era];
  const closed = [];
  const close = async () => {
    for (const end of closed.reverse()) await end();
  };
  try {
    let server;
    let entry = local(process.execPath, [fixture, 'stdio', ...options]);
    if (transport === 'HTTP') {
      server = await startFixtureOn('0', ...options);
      closed.push(() => server.stop());
      entry = remote(server.url);
    }
    const home = await Home.create({ fx: entry });
    closed.push(() => home.close());
    const { url } = await home.serve();
    // A local server is started again by the gateway, one that is far away by somebody else.
    const restart = async () => {
      if (server) server = await startFixtureOn(new URL(server.url).port, ...options);
    };
    return { home, url, restart, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const sentence = ({ agent, server }) => `an agent of ${year[agent.era]} over ${agent.transport} and ` +
  `a server of ${year[server.era]} over ${server.transport}`;

async function allFeatures(checks, where) {
  const { agent: { transport, era } } = where;
  for (const [name, feature] of Object.entries(features)) {
    await checks.test(`${sentence(where)}: ${name}`, async (after) => {
      const raw = async (more = {}) => {
        const agent = await openAgent(transport, { ...where, era, capabilities, ...more });
        after(() => agent.close());
        return agent;
      };
      const sdk = async (prepare = () => {}) => {
        const settings = { era, capabilities, prepare };
        const client = transport === 'HTTP' ? await connectHttp2(where.url, settings)
          : await connectStdio2({ command: toolgate, args: ['connect'], env: where.home.environment }, settings);
        after(() => client.close());
        return client;
      };
      await feature({ ...where, raw, sdk, after });
    }, { seconds: 30 });
  }
}

const call = (client, name, args = {}) => client.callTool({ name: `fx__${name}`, arguments: args });
const textOf = ({ content }) => content.map(({ text }) => text).join('');
const isRequest = (method) => (message) => message.method === method && message.id !== undefined;
const isNotification = (method) => (message) => message.method === method;

// How many calls of wait_for_cancel run at the server, and how many were cancelled.
const counts = async (agent) => JSON.parse(textOf((await agent.call('cancel_count')).result));

// Starts a call of wait_for_cancel, and returns it when it runs at the server.
async function startWaiting(agent) {
  const held = agent.startCall('wait_for_cancel', {}, { progressToken: 'waits' });
  await held.next(isNotification('notifications/progress'));
  return held;
}

// Lets the client hear of a list or of a resource, as its era does it: returns what ends it.
async function subscribe(client, era, filter) {
  if (era === 'modern') {
    const subscription = await client.listen(filter);
    equal(subscription.honoredFilter, filter, 'what is honoured');
    return () => subscription.close();
  }
  const uris = filter.resourceSubscriptions ?? [];
  for (const uri of uris) await client.subscribeResource({ uri });
  return async () => {
    for (const uri of uris) await client.unsubscribeResource({ uri });
  };
}

async function ensureElicited(sdk, reply, expected) {
  const asked = [];
  const client = await sdk((made) => made.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(params.message);
    return reply;
  }));
  equal(textOf(await call(client, 'test_elicitation', { message: 'who?' })), `User response: ${expected}`, 'the answer');
  equal(asked, ['who?'], 'the questions');
}

// Two questions of one call, in order, to an agent that is asked while its call waits (legacy) or that gets
// the questions for its answer and comes back with the replies (modern).
async function answerTwice(agent) {
  const replies = [{ name: 'Ann' }, { colour: 'red' }].map((content) => ({ action: 'accept', content }));
  const heard = [];
  if (!agent.isModern) {
    const held = agent.startCall('ask_twice');
    const asked = [];
    for (const result of replies) {
      const question = await held.next((message) => isRequest('elicitation/create')(message) && !asked.includes(message.id));
      asked.push(question.id);
      heard.push(question.params.message);
      await agent.reply({ id: question.id, result });
    }
    return { heard, answer: await held.answer() };
  }
  let more = {};
  for (const reply of replies) {
    const { result } = await agent.ask('tools/call', { name: 'fx__ask_twice', arguments: {}, ...more });
    equal(result.resultType, 'input_required', 'the type of the result');
    const [[key, question], ...others] = Object.entries(result.inputRequests);
    equal([question.method, others], ['elicitation/create', []], 'the question');
    heard.push(question.params.message);
    more = { inputResponses: { [key]: reply }, ...(result.requestState ? { requestState: result.requestState } : {}) };
  }
  return { heard, answer: await agent.ask('tools/call', { name: 'fx__ask_twice', arguments: {}, ...more }) };
}

const features = {
  async 'a call takes its arguments and brings its structure'({ sdk }) {
    const client = await sdk();
    const given = { text: 'Größe \u{1f600} "quoted" \\ \u2028', list: [1, -0.5, null, true], deep: { a: { b: [] } } };
    equal((await call(client, 'echo', given)).structuredContent, { echoed: given }, 'structuredContent');
    const { tools } = await client.listTools();
    ensure(tools.some(({ name }) => name === 'fx__echo'), 'fx__echo is not listed');
  },

  async 'a tool that fails is told from a request that does'({ raw }) {
    const agent = await raw();
    const { result } = await agent.call('test_error_handling');
    equal(result.isError, true, 'isError');
    ensure(textOf(result).includes('intentionally'), `the text is ${textOf(result)}`);
    equal(result.resultType, agent.isModern ? 'complete' : undefined, 'the type of the result');
    equal((await agent.call('no_such_tool')).error?.code, -32602, 'the code for an unknown tool');
    const { error } = await agent.ask('resources/read', { uri: 'test://template/missing/data' });
    equal(error?.code, -32602, "the code of the server's refusal");
    ensure(error.message.includes('there is no resource'), `the message is ${error.message}`);
  },

  async 'progress comes with the token of the agent, rises, and stands before the answer'({ raw }) {
    const agent = await raw();
    for (const progressToken of ['mine', 7]) {
      const held = agent.startCall('test_tool_with_progress', {}, { progressToken });
      await held.answer();
      const seen = held.received.map(({ method, params, id }) => method ? [params.progressToken, params.progress] : id);
      equal(seen, [[progressToken, 0], [progressToken, 50], [progressToken, 100], held.id], 'what arrived');
    }
  },

  async 'log messages come from the level that was wanted, and else not at all'({ raw }) {
    const agent = await raw();
    const logged = async (options) => {
      const held = agent.startCall('log_all_levels', {}, options);
      await held.answer();
      return held.received.filter(isNotification('notifications/message')).map(({ params }) => params.level);
    };
    const want = async (logLevel) => {
      if (!agent.isModern) equal((await agent.ask('logging/setLevel', { level: logLevel })).result, {}, 'the answer');
      return logged({ logLevel });
    };
    equal(await want('error'), ['error', 'critical', 'alert', 'emergency'], 'from error on');
    equal(await want('emergency'), ['emergency'], 'from emergency on');
    if (agent.isModern) equal(await logged({}), [], 'without a wish');
  },

  async 'a call that is cancelled is cancelled at the server, and not answered'({ raw }) {
    const agent = await raw();
    const before = await counts(agent);
    const held = await startWaiting(agent);
    equal(await counts(agent), { ...before, waiting: before.waiting + 1 }, 'the counts while it runs');
    await held.cancel();
    await eventually(async () => (await counts(agent)).cancelled === before.cancelled + 1, 'the server hears of it');
    ensure(!held.received.some(({ id }) => id === held.id), 'it was answered all the same');
  },

  async 'a question is asked and its answer reaches the server'({ sdk }) {
    const content = { username: 'ann', email: 'a@b.c' };
    await ensureElicited(sdk, { action: 'accept', content }, `action=accept, content=${JSON.stringify(content)}`);
  },

  async 'a question is declined'({ sdk }) {
    await ensureElicited(sdk, { action: 'decline' }, 'action=decline, content={}');
  },

  async 'two questions come one after the other, as the era of the agent asks'({ raw }) {
    const { heard, answer } = await answerTwice(await raw());
    equal(heard, ['What is your name?', 'Which colour do you like, Ann?'], 'the questions');
    equal(textOf(answer.result), 'name=Ann, colour=red', 'the answer');
  },

  async 'an agent that cannot be asked gets an error'({ raw }) {
    const agent = await raw({ capabilities: {} });
    const { result, error } = await agent.call('test_sampling', { prompt: 'a question' });
    ensure(error || result.isError, `it got ${JSON.stringify(result)}`);
    if (agent.isModern && error) equal(error.code, -32021, 'the code');
  },

  async 'sampling reaches the agent, and its answer the server'({ sdk }) {
    const client = await sdk((made) => made.setRequestHandler('sampling/createMessage', ({ params }) => ({
      model: 'test', role: 'assistant', content: { type: 'text', text: `heard ${params.messages[0].content.text}` },
    })));
    const answer = await call(client, 'test_sampling', { prompt: 'a question' });
    equal(textOf(answer), 'LLM response: heard a question', 'the answer');
  },

  async 'the agent is told of a tool that goes, and of its coming back'({ sdk, agent }) {
    let told = 0;
    const client = await sdk((made) =>
      made.setNotificationHandler('notifications/tools/list_changed', () => void (told += 1)));
    const lists = async () => (await client.listTools({}, { cacheMode: 'refresh' })).tools
      .some(({ name }) => name === 'fx__test_changing_tool');
    await subscribe(client, agent.era, { toolsListChanged: true });
    equal(await lists(), true, 'being listed at first');
    await call(client, 'test_trigger_tool_change');
    await eventually(() => told >= 1, 'the agent is told');
    equal(await lists(), false, 'being listed afterwards');
    const before = told;
    await call(client, 'test_trigger_tool_change');
    await eventually(() => told > before, 'the agent is told again');
    equal(await lists(), true, 'being listed at the end');
  },

  async 'a resource that is watched reports its changes, and none when it is left'({ sdk, agent }) {
    const updates = [];
    const client = await sdk((made) => made.setNotificationHandler('notifications/resources/updated',
      ({ params }) => void updates.push(params.uri)));
    const leave = await subscribe(client, agent.era, { resourceSubscriptions: [watched] });
    // The gateway may not have been heard at the server yet.
    await eventually(async () => (await call(client, 'touch_watched'), updates.length > 0), 'the first update');
    await leave();
    const before = updates.length;
    await call(client, 'touch_watched');
    await call(client, 'touch_watched');
    await subscribe(client, agent.era, { resourceSubscriptions: [watched] });
    const again = updates.length;
    await eventually(async () => (await call(client, 'touch_watched'), updates.length > again), 'an update again');
    ensure(again - before <= 1, `${again - before} updates came after it was left`);
    equal([...new Set(updates)], [watched], 'the resources');
  },

  async 'a result of 4 MiB arrives byte for byte'({ sdk }) {
    const bytes = 4 << 20;
    const digest = (text) => createHash('sha256').update(text).digest('hex');
    const answer = textOf(await call(await sdk(), 'large_result', { bytes }));
    equal([answer.length, digest(answer)], [bytes, digest('0123456789abcdef'.repeat(bytes / 16))], 'size and digest');
  },

  async 'an agent that is cut off in the middle'({ raw, agent: { transport, era } }) {
    const witness = await raw();
    const lost = await raw();
    const before = await counts(witness);
    const held = await startWaiting(lost);
    if (transport === 'HTTP' && era === 'legacy') return resumes(witness, lost, held, before);
    await lost.cut();
    await eventually(async () => (await counts(witness)).cancelled === before.cancelled + 1, 'the call is cancelled');
    equal((await counts(witness)).waiting, before.waiting, 'the calls that wait');
  },

  async 'a server that dies during a call: an error, and the next call works again'({ raw, restart }) {
    const agent = await raw();
    const pid = textOf((await agent.call('process_id')).result);
    const { result, error } = await agent.call('exit_now');
    await restart();
    const next = await eventually(async () => (await agent.call('process_id')).result, 'the server is back', 20);
    ensure(textOf(next) !== pid, 'the same process answers');
    ensure(error || result.isError, `it got ${JSON.stringify(result)}`);
    ensure(/\bfx\b/.test(error?.message ?? textOf(result)), `the error is ${JSON.stringify(error ?? result)}`);
  },
};

// In the legacy era a connection that breaks cancels nothing: the call goes on, and its stream with it. That
// the gateway had the time to notice is shown by a call of the modern era that is cut off later.
async function resumes(witness, lost, held, before) {
  held.exchange.leave();
  await held.exchange.ended;
  const modern = await openAgent('HTTP', { url: witness.url, era: 'modern', capabilities });
  await startWaiting(modern);
  await modern.cut();
  await eventually(async () => (await counts(witness)).cancelled === before.cancelled + 1, 'the later call is cancelled');
  equal((await counts(witness)).waiting, before.waiting + 1, 'the calls that wait');
  const resumed = lost.get(held.exchange.lastEvent);
  equal((await resumed.answered).status, 200, 'the status of the resumed stream');
  await held.cancel();
  await eventually(async () => (await counts(witness)).cancelled === before.cancelled + 2, 'both calls are cancelled');
}
