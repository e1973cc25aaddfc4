// Two gateways on one home behind a balancer that knows nothing of MCP: an agent of the modern era (2026-07-28)
// needs no affinity, whatever it does. Only what waits inside a process, a legacy server's question, does.

import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectHttp2 } from '../lib/clients.js';
import { Home, local, remote } from '../lib/gateway.js';
import { ask, ModernExchange, subscriptionKey, tasksExtension, withEnvelope } from '../lib/modern.js';
import { echoServer, fixture } from '../lib/programs.js';
import { roundRobin } from '../lib/round-robin.js';
import { startFixture } from './conformance.js';

const calls = 2000;
const width = 16;
const able = { capabilities: { elicitation: {}, sampling: {} } };
const withTasks = { capabilities: { elicitation: {}, extensions: { [tasksExtension]: {} } } };
const accept = (content) => ({ action: 'accept', content });
const textOf = (result) => result.content.map(({ text }) => text).join('');

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  // What a modern server remembers is its own affair: both gateways speak to the same one.
  const server = await startFixture('--surface', 'features', '--era', 'modern');
  let home;
  let proxy;
  const ready = await checks.test('two gateways start on one home', async () => {
    home = await Home.create({
      new: remote(server.url),
      echo: local(process.execPath, [echoServer, 'echo']),
      old: local(process.execPath, [fixture, 'stdio', '--surface', 'features', '--era', 'legacy']),
    });
  });
  try {
    if (!ready) return;
    const gateways = [await home.serve(), await home.serve('--socket', join(home.folder, 'other.sock'))];
    proxy = await roundRobin(gateways.map(({ url }) => url));
    const pair = { home, proxy, one: gateways[0].url, other: gateways[1].url };
    await throughTheProxy(checks, pair);
    await rounds(checks, pair);
    await tasks(checks, pair);
    await changes(checks, pair);
    await logged(checks, pair);
  } finally {
    await proxy?.stop();
    await home?.close();
    await server.stop();
  }
}

// Runs `count` jobs, some of them at a time.
async function inParallel(count, job) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await job(next++);
  }));
}

async function throughTheProxy(checks, { proxy, one, other }) {
  await checks.test(`${calls} calls of two servers, each answered right, by both gateways`, async (after) => {
    const client = await connectHttp2(proxy.url, { era: 'modern' });
    after(() => client.close());
    const before = [...proxy.counts];
    await inParallel(calls, async (at) => {
      const text = `call-${at}`;
      if (at % 2 === 0) {
        const answer = await client.callTool({ name: 'echo__echo', arguments: { text } });
        equal(textOf(answer), `echo:${text}`, 'the answer');
      } else {
        const { structuredContent } = await client.callTool({ name: 'new__echo', arguments: { text } });
        equal(structuredContent, { echoed: { text } }, 'the structure');
      }
    });
    const shares = proxy.counts.map((count, at) => count - before[at]);
    ensure(shares.every((share) => share >= calls / 2), `the gateways got ${shares.join(' and ')} requests`);
  }, { seconds: 120 });
  await checks.test('both gateways list the same, in the same order', async () => {
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'server/discover']) {
      const [first, second] = await Promise.all([one, other].map((url) => ask(url, method, withEnvelope())));
      ensure(first.message.result, `${method} was refused: ${JSON.stringify(first.message)}`);
      equal(second.message.result, first.message.result, method);
    }
  });
  await checks.test('questions of a modern server: 40 agents at once, each asked twice, each for its own call', async (after) => {
    const names = new Set();
    await inParallel(40, async (at) => {
      const client = await connectHttp2(proxy.url, {
        era: 'modern', capabilities: able.capabilities,
        prepare: (made) => made.setRequestHandler('elicitation/create', ({ params: { message } }) =>
          accept(/name/.test(message) ? { name: `agent ${at}` } : { colour: `colour of ${message.split(', ')[1]}` })),
      });
      after(() => client.close());
      const text = textOf(await client.callTool({ name: 'new__ask_twice', arguments: {} }));
      equal(text, `name=agent ${at}, colour=colour of agent ${at}?`, 'the answer');
      names.add(text);
    });
    equal(names.size, 40, 'the number of answers');
  }, { seconds: 60 });
}

const callAt = (url, name, more = {}, envelope = able) =>
  ask(url, 'tools/call', withEnvelope({ name, arguments: {}, ...more }, envelope));

async function rounds(checks, { one, other }) {
  await checks.test('a state that one gateway gave is good at the other, with what the gateway itself answered', async () => {
    const { message: { result } } = await callAt(one, 'new__test_input_required_result_multiple_inputs');
    equal(Object.keys(result.inputRequests).sort(), ['greeting', 'user_name'], 'the questions');
    const inputResponses = {
      user_name: accept({ name: 'Ann' }),
      greeting: { model: 'test', role: 'assistant', content: { type: 'text', text: 'Hello' } },
    };
    const { message } = await callAt(other, 'new__test_input_required_result_multiple_inputs',
      { inputResponses, requestState: result.requestState });
    ensure(message.result?.content, `it was refused: ${JSON.stringify(message)}`);
    equal(textOf(message.result), 'Ann: Hello, 0 roots', 'the answer');
  });
  await checks.test("a legacy server's question waits in one gateway: the other says so, and nothing is lost", async () => {
    const { message: { result } } = await callAt(one, 'old__ask_twice');
    const [key] = Object.keys(result.inputRequests);
    const more = { inputResponses: { [key]: accept({ name: 'Ann' }) }, requestState: result.requestState };
    const { status, message: { error } } = await callAt(other, 'old__ask_twice', more);
    equal([status, error?.code], [200, -32602], 'status and code');
    ensure(/does not wait here/.test(error.message), `the message is ${error.message}`);
    const second = (await callAt(one, 'old__ask_twice', more)).message.result;
    const [next] = Object.keys(second.inputRequests);
    const last = await callAt(one, 'old__ask_twice',
      { inputResponses: { [next]: accept({ colour: 'red' }) }, requestState: second.requestState });
    equal(textOf(last.message.result), 'name=Ann, colour=red', 'the answer');
  });
}

async function tasks(checks, { one, other }) {
  const start = async (url, name, args = {}) => {
    const { message } = await ask(url, 'tools/call', withEnvelope({ name: `new__${name}`, arguments: args }, withTasks));
    equal(message.result?.resultType, 'task', `the type of the result (it is ${JSON.stringify(message)})`);
    return message.result.taskId;
  };
  const about = async (url, method, taskId, more = {}) =>
    (await ask(url, method, withEnvelope({ taskId, ...more }, withTasks))).message;
  const status = async (url, taskId) => (await about(url, 'tasks/get', taskId)).result?.status;
  await checks.test('a task that one gateway began is asked for, answered and watched at the other', async () => {
    const taskId = await start(one, 'multi_input');
    equal(await status(other, taskId), 'input_required', 'the status at the other');
    const watching = new ModernExchange(other, 'watch', 'subscriptions/listen',
      withEnvelope({ notifications: { taskIds: [taskId] } }, withTasks));
    const { params } = await watching.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
    equal(params.notifications, { taskIds: [taskId] }, 'what is watched');
    const inputResponses = { name: accept({ name: 'Ann' }) };
    ensure((await about(other, 'tasks/update', taskId, { inputResponses })).result, 'the first update was refused');
    ensure((await about(one, 'tasks/update', taskId, { inputResponses: { confirmed: accept({ confirm: true }) } })).result,
      'the second update was refused');
    await eventually(async () => await status(other, taskId) === 'completed', 'the task is done');
    const { result } = await about(one, 'tasks/get', taskId);
    equal(textOf(result.result), 'Ann: true', 'the result of the task');
    const told = await watching.next(({ method, params: about_ }) => method === 'notifications/tasks' && about_.status === 'completed');
    equal([told.params.taskId, told.params._meta[subscriptionKey]], [taskId, 'watch'], 'task and subscription');
    watching.leave();
  });
  await checks.test('a task that one gateway began is cancelled at the other', async () => {
    const taskId = await start(one, 'slow_compute', { seconds: 60 });
    equal(await status(other, taskId), 'working', 'the status at the other');
    ensure((await about(other, 'tasks/cancel', taskId)).result, 'the cancellation was refused');
    equal(await status(one, taskId), 'cancelled', 'the status at the one');
  });
  await checks.test('a task that nobody began is unknown to both', async () => {
    for (const url of [one, other]) equal((await about(url, 'tasks/get', 'tg-nothing')).error?.code, -32602, 'the code');
  });
}

async function changes(checks, { home, one, other }) {
  await checks.test('a tool that goes at the server is told to the agents of both gateways', async (after) => {
    const held = [one, other].map((url) => new ModernExchange(url, 'watch', 'subscriptions/listen',
      withEnvelope({ notifications: { toolsListChanged: true } })));
    after(async () => held.forEach((stream) => stream.leave()));
    for (const stream of held) {
      await stream.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
    }
    await callAt(one, 'new__test_trigger_tool_change');
    for (const stream of held) await stream.next(({ method }) => method === 'notifications/tools/list_changed');
    await callAt(other, 'new__test_trigger_tool_change');
  }, { seconds: 20 });
  await checks.test('an approval that is revoked is revoked at both gateways', async () => {
    home.mustRun('revoke', 'old');
    for (const url of [one, other]) {
      await eventually(async () => {
        const { message } = await callAt(url, 'old__process_id');
        return message.error ?? message.result.isError;
      }, 'its tools are held');
    }
  }, { seconds: 30 });
}

async function logged(checks, { home }) {
  await checks.test('the one log of both has an intent and an outcome for each call', async () => {
    const query = (kind) => home.records('audit', 'query', '--kind', kind, '--limit', '1000000');
    const intents = query('call.intent');
    const outcomes = query('call.outcome');
    const begun = new Map(intents.map(({ id }) => [id, 0]));
    equal(begun.size, intents.length, 'the number of ids');
    for (const { intent } of outcomes) begun.set(intent, (begun.get(intent) ?? 10) + 1);
    const wrong = [...begun].filter(([, times]) => times !== 1);
    equal(wrong, [], 'the intents without exactly one outcome');
    const texts = intents.map(({ arguments: args }) => /call-\d+/.exec(JSON.stringify(args ?? null))?.[0]).filter(Boolean);
    equal([texts.length, new Set(texts).size], [calls, calls], 'the calls that were begun, and how many differ');
  }, { seconds: 60 });
}
