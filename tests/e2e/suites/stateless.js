// Requests of the modern era (2026-07-28) as a hostile or clumsy agent makes them, and agents that mix both eras.

import { Agent } from 'node:http';
import { ensure, equal, eventually, withDeadline } from '../lib/checks.js';
import { openAgent } from '../lib/agents.js';
import { Home, local, remote } from '../lib/gateway.js';
import { ask, ModernExchange, modernHeaders, modernVersion, withEnvelope } from '../lib/modern.js';
import { residentBytes } from '../lib/processes.js';
import { fixture } from '../lib/programs.js';
import { exchange, HttpPeer, initializeParams, messagesOf } from '../lib/raw.js';
import { startFixture } from './conformance.js';

const elicits = { capabilities: { elicitation: {} } };
const accept = (content) => ({ action: 'accept', content });
const textOf = ({ result }) => result.content.map(({ text }) => text).join('');

const server = (era, more = {}) =>
  local(process.execPath, [fixture, 'stdio', '--surface', 'features', '--era', era], more);

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  // Over HTTP it is known which call a question belongs to, however many there are.
  const remoteServer = await startFixture('--surface', 'features', '--era', 'legacy');
  const home = await Home.create({
    old: server('legacy'), new: server('modern'), brief: server('legacy', { limits: { call_ms: 1500 } }),
    far: remote(remoteServer.url, { limits: { call_ms: 6000 } }),
  });
  try {
    const [ann, ben] = ['ann', 'ben'].map((name) => /\S{20,}/.exec(home.mustRun('agent', 'add', name))?.[0]);
    const serving = await home.serve();
    const gate = { home, serving, url: serving.url, tokens: { ann, ben } };
    await states(checks, gate);
    await responses(checks, gate);
    await headers(checks, gate);
    await bothEras(checks, gate);
    await many(checks, gate);
    await pipes(checks, gate);
    await coldStart(checks);
  } finally {
    await home.close();
    await remoteServer.stop();
  }
}

// One call by an agent, whole: {status, message}.
function callBy(gate, name, args = {}, { more = {}, by = 'ann', envelope = elicits, method = 'tools/call' } = {}) {
  const params = withEnvelope({ name, arguments: args, ...more }, envelope);
  return ask(gate.url, method, params, { headers: { authorization: `Bearer ${gate.tokens[by]}` } });
}

// Makes a call stop for its first question: {key, requestState}.
async function stopped(gate, name, args, options) {
  const { message } = await callBy(gate, name, args, options);
  equal(message.result?.resultType, 'input_required', `the type of the result (it is ${JSON.stringify(message)})`);
  return { key: Object.keys(message.result.inputRequests)[0], requestState: message.result.requestState };
}

// The first answer to ask_twice, and for a modern server the state that goes with its second question.
async function secondQuestion(gate, name) {
  const first = await stopped(gate, name);
  const more = { inputResponses: { [first.key]: accept({ name: 'Ann' }) } };
  if (first.requestState) more.requestState = first.requestState;
  return stopped(gate, name, {}, { more });
}

const swapped = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

// What else somebody may make of a state that the gateway gave to ann for {} as arguments.
const misuses = {
  'by another agent': { by: 'ben' },
  'with other arguments': { args: { other: 1 } },
  'for another tool': { tool: 'test_elicitation' },
  'changed in its middle': { forge: (state) => swapped(state, state.length >> 1) },
  'changed at its end': { forge: (state) => swapped(state, state.length - 1) },
  'cut short': { forge: (state) => state.slice(0, -8) },
  'made longer': { forge: (state) => `${state}AAAA` },
  'that is empty': { forge: () => '' },
  'that is no string': { forge: () => 7 },
  'that is huge': { forge: () => 'A'.repeat(1 << 20) },
};

async function states(checks, gate) {
  for (const [era, name] of [['legacy', 'old'], ['modern', 'new']]) {
    for (const [misuse, { by, args = {}, tool = 'ask_twice', forge = (state) => state }] of Object.entries(misuses)) {
      await checks.test(`a state ${misuse} is refused, before a ${era} server`, async () => {
        const { key, requestState } = await secondQuestion(gate, `${name}__ask_twice`);
        const more = { inputResponses: { [key]: accept({ colour: 'red' }) }, requestState: forge(requestState) };
        const { status, message } = await callBy(gate, `${name}__${tool}`, args, { more, by });
        equal([status, message.error?.code], [200, -32602], `status and code (it is ${JSON.stringify(message).slice(0, 300)})`);
        const last = await callBy(gate, `${name}__ask_twice`, {}, { more: { ...more, requestState } });
        equal(textOf(last.message), 'name=Ann, colour=red', 'the answer to whom the state belongs');
      }, { seconds: 20 });
    }
  }
  await checks.test('a state that has done its work is good for nothing', async () => {
    const { key, requestState } = await secondQuestion(gate, 'old__ask_twice');
    const more = { inputResponses: { [key]: accept({ colour: 'red' }) }, requestState };
    ensure((await callBy(gate, 'old__ask_twice', {}, { more })).message.result, 'the first use failed');
    const { message: { error } } = await callBy(gate, 'old__ask_twice', {}, { more });
    equal(error?.code, -32602, 'the code');
    ensure(/does not wait here any more/.test(error.message), `the message is ${error.message}`);
  });
  await checks.test('of two who come back at once with one state, one is answered', async () => {
    const { key, requestState } = await secondQuestion(gate, 'old__ask_twice');
    const more = { inputResponses: { [key]: accept({ colour: 'red' }) }, requestState };
    const both = await Promise.all([1, 2].map(() => callBy(gate, 'old__ask_twice', {}, { more })));
    equal(both.map(({ message }) => message.error?.code ?? textOf(message)).sort(), [-32602, 'name=Ann, colour=red'],
      'the answers');
  });
  await checks.test('who comes back after the call has timed out hears that it has', async () => {
    const { key, requestState } = await stopped(gate, 'brief__ask_twice');
    await eventually(() => gate.home.records('audit', 'query', '--server', 'brief', '--kind', 'call.outcome').length > 0,
      'the call has timed out');
    const more = { inputResponses: { [key]: accept({ name: 'Ann' }) }, requestState };
    const { message } = await callBy(gate, 'brief__ask_twice', {}, { more });
    equal(message.error?.data?.reason, 'timed_out', `the reason (it is ${JSON.stringify(message)})`);
  });
}

async function responses(checks, gate) {
  for (const name of ['old', 'new']) {
    const tool = `${name}__ask_twice`;
    await checks.test(`answers to what was not asked are ignored, before ${name}`, async () => {
      const { key, requestState } = await secondQuestion(gate, tool);
      const stray = { nobody: accept({}), first: accept({ name: 'Eve' }), '': { action: 'decline' } };
      const kept = await callBy(gate, tool, {}, { more: { inputResponses: stray, requestState } });
      equal(kept.message.result?.resultType, 'input_required', 'the type of the result');
      const more = {
        inputResponses: { ...stray, [Object.keys(kept.message.result.inputRequests)[0]]: accept({ colour: 'red' }) },
        requestState: kept.message.result.requestState,
      };
      equal(Object.keys(kept.message.result.inputRequests).length, 1, 'the number of questions');
      equal(textOf((await callBy(gate, tool, {}, { more })).message), 'name=Ann, colour=red', `the answer (${key})`);
    });
    await checks.test(`answers of a wrong form are refused, before ${name}`, async () => {
      const { key, requestState } = await secondQuestion(gate, tool);
      for (const inputResponses of [[], 'x', 7, null, { [key]: 'red' }, { [key]: null }, { [key]: [] }, { other: 1 }]) {
        const { message } = await callBy(gate, tool, {}, { more: { inputResponses, requestState } });
        equal(message.error?.code, -32602, `the code for ${JSON.stringify(inputResponses)}`);
      }
      const more = { inputResponses: { [key]: accept({ colour: 'red' }) }, requestState };
      equal(textOf((await callBy(gate, tool, {}, { more })).message), 'name=Ann, colour=red', 'the answer');
    });
    await checks.test(`an answer of 6 MiB arrives, one of 9 MiB is too large, before ${name}`, async () => {
      const { key, requestState } = await secondQuestion(gate, tool);
      const reply = (bytes) => callBy(gate, tool, {},
        { more: { inputResponses: { [key]: accept({ colour: 'x'.repeat(bytes) }) }, requestState } });
      const refused = await reply(9 << 20).catch(() => ({ status: 413 }));   // the connection may be closed first
      equal(refused.status, 413, 'the status');
      equal(textOf((await reply(6 << 20)).message).length, 'name=Ann, colour='.length + (6 << 20), 'the size');
    });
  }
}

async function headers(checks, gate) {
  const params = withEnvelope({ name: 'new__echo', arguments: {} });
  const mirrored = (args) => withEnvelope({ name: 'new__test_x_mcp_header', arguments: args });
  const claiming = (revision) => ({ ...params, _meta: { ...params._meta, 'io.modelcontextprotocol/protocolVersion': revision } });
  const without = (key) => ({
    ...params, _meta: Object.fromEntries(Object.entries(params._meta).filter(([name]) => !name.endsWith(key))),
  });
  const change = 'mcp-protocol-version';
  // [name, code, {params, set, leave, method}]: `set` and `leave` change the headers that would fit.
  const rows = [
    ['without MCP-Protocol-Version', -32020, { leave: change }],
    ['without Mcp-Method', -32020, { leave: 'mcp-method' }],
    ['without Mcp-Name', -32020, { leave: 'mcp-name' }],
    ['with a legacy revision in its header', -32020, { set: { [change]: '2025-11-25' } }],
    ['with a future revision in its header', -32020, { set: { [change]: '2099-01-01' } }],
    ['with another method in its header', -32020, { set: { 'mcp-method': 'tools/list' } }],
    ['with its method in capitals', -32020, { set: { 'mcp-method': 'TOOLS/CALL' } }],
    ['with another name in its header', -32020, { set: { 'mcp-name': 'old__echo' } }],
    ["with the server's own name in its header", -32020, { set: { 'mcp-name': 'echo' } }],
    ['with a name in broken base64', -32020, { set: { 'mcp-name': '=?base64?%%%?=' } }],
    ['with an argument that its header contradicts', -32020,
      { params: mirrored({ region: 'eu' }), set: { 'mcp-param-region': 'us' } }],
    ['with an argument that no header repeats', -32020, { params: mirrored({ region: 'eu' }) }],
    ['with a header for an argument that is not there', -32020,
      { params: mirrored({ region: 'eu' }), set: { 'mcp-param-region': 'eu', 'mcp-param-count': '1' } }],
    ['without an envelope', -32602, { params: { name: 'new__echo', arguments: {} } }],
    ['without its capabilities', -32602, { params: without('/clientCapabilities') }],
    ['with an envelope that names no revision', -32602, { params: without('/protocolVersion') }],
    ['of a future revision', -32022, { params: claiming('2099-01-01'), set: { [change]: '2099-01-01' } }],
    ['of a legacy revision with an envelope', -32022, { params: claiming('2025-11-25'), set: { [change]: '2025-11-25' } }],
  ];
  const post = (sent, { set = {}, leave } = {}) => {
    const all = { ...modernHeaders('tools/call', sent), authorization: `Bearer ${gate.tokens.ann}`, ...set };
    delete all[leave];
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: sent });
    return exchange(gate.url, { headers: all, body });
  };
  for (const [name, code, { params: sent = params, ...changes }] of rows) {
    await checks.test(`a request ${name}: HTTP 400 and ${code}`, async () => {
      const { status, body } = await post(sent, changes);
      const { id, error } = JSON.parse(body);
      equal([status, error?.code, id], [400, code, 'x'], 'status, code and id');
      if (code === -32022) equal(error.data.supported, [modernVersion], 'what is supported');
    });
  }
  await checks.test('a request whose headers fit is answered, argument headers and all', async () => {
    const set = { 'mcp-param-region': 'eu', 'mcp-param-count': '3', 'mcp-param-dry-run': 'true' };
    const answer = await post(mirrored({ region: 'eu', count: 3, dry: true }), { set });
    equal(answer.status, 200, 'the status');
    equal(textOf(messagesOf(answer).at(-1)), 'Called with {"region":"eu","count":3,"dry":true}', 'the answer');
  });
  for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such']) {
    await checks.test(`${method} is no method of the modern era: HTTP 404 and -32601`, async () => {
      const { status, message } = await ask(gate.url, method, withEnvelope({ uri: 'test://x', level: 'info' }),
        { headers: { authorization: `Bearer ${gate.tokens.ann}` } });
      equal([status, message.error?.code], [404, -32601], 'status and code');
    });
  }
}

// What an agent of either era gets on one connection that both use.
async function bothEras(checks, gate) {
  await checks.test('both eras on one pipe, one in the other', async (after) => {
    const agent = await openAgent('stdio', { home: gate.home, era: 'modern', capabilities: {}, command: ['stdio'] });
    after(() => agent.close());
    const { peer } = agent;
    const legacy = { name: 'new__test_tool_with_progress', arguments: {}, _meta: { progressToken: 'old' } };
    const early = await peer.request('early', 'tools/call', legacy);
    ensure(early.error, 'a legacy call before initialize was answered');
    const [first, { result: opened }] = await Promise.all([
      agent.ask('tools/call', { name: 'new__echo', arguments: { n: 1 } }),
      peer.request('open', 'initialize', initializeParams),
    ]);
    equal(opened.protocolVersion, '2025-11-25', 'the revision that initialize agrees on');
    equal(first.result.structuredContent, { echoed: { n: 1 } }, 'the modern answer meanwhile');
    const held = agent.start('tools/call', { ...legacy, _meta: undefined }, { progressToken: 'new' });
    const old = await peer.request('old', 'tools/call', legacy);
    const answer = await held.answer();
    equal([old.result.resultType, answer.result.resultType], [undefined, 'complete'], 'the types of the results');
    for (const token of ['old', 'new']) {
      const seen = peer.received.filter(({ params }) => params?.progressToken === token);
      equal(seen.map(({ params }) => params.progress), [0, 50, 100], `the progress of ${token}`);
    }
    equal((await peer.request('ping', 'ping')).result, {}, 'the answer to ping of the legacy era');
    equal((await agent.ask('ping')).error?.code, -32601, 'the code for ping in the modern era');
  });
  await checks.test('both eras on one keep-alive connection', async (after) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    after(async () => agent.destroy());
    const peer = new HttpPeer(gate.url, { token: gate.tokens.ann, agent });
    await peer.initialize();
    const sockets = new Set();
    agent.on('free', (socket) => sockets.add(socket));
    const authorization = `Bearer ${gate.tokens.ann}`;
    for (const n of [1, 2, 3]) {
      const params = { name: 'new__echo', arguments: { n } };
      const old = await peer.request(n, 'tools/call', params);
      equal([old.result.structuredContent, old.result.resultType], [{ echoed: { n } }, undefined], 'the legacy answer');
      const body = JSON.stringify({ jsonrpc: '2.0', id: n, method: 'tools/call', params: withEnvelope(params) });
      const answer = await exchange(gate.url,
        { headers: { ...modernHeaders('tools/call', params), authorization, 'mcp-session-id': peer.session }, body, agent });
      equal(answer.headers['mcp-session-id'], undefined, 'the session id of the modern answer');
      const [{ result }] = messagesOf(answer);
      equal([result.structuredContent, result.resultType], [{ echoed: { n } }, 'complete'], 'the modern answer');
    }
    equal(sockets.size, 1, 'the number of connections');
    equal((await peer.end()).status < 300, true, 'ending the session');
  });
  await checks.test('GET and DELETE of the modern era: HTTP 405', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await exchange(gate.url, {
        method, headers: { authorization: `Bearer ${gate.tokens.ann}`, accept: 'text/event-stream', 'mcp-protocol-version': modernVersion },
      });
      equal(answer.status, 405, `the status of ${method}`);
    }
  });
}

// Many of what an agent leaves open.
async function many(checks, gate) {
  const bytes = () => residentBytes(gate.serving.process.pid);
  await checks.test('300 calls that wait for answers and are abandoned: bounded, and no other agent feels it', async () => {
    const before = bytes();
    const kinds = { input_required: 0, overloaded: 0, timed_out: 0 };
    const all = Array.from({ length: 300 }, async () => {
      const { message } = await callBy(gate, 'far__ask_twice');
      kinds[message.result?.resultType ?? message.error?.data?.reason] += 1;
    });
    await eventually(() => kinds.input_required + kinds.overloaded >= 100, 'a hundred calls wait');
    const bens = callBy(gate, 'far__process_id', {}, { by: 'ben' });
    try {
      const { message } = await withDeadline(bens, 4, "ben's call of the same server");
      ensure(message.result && textOf(message) > 0, `the answer to ben: ${JSON.stringify(message)}`);
    } finally {
      await Promise.all([bens, ...all]);
    }
    ensure(kinds.input_required <= 256, `${kinds.input_required} wait`);
    equal(Object.values(kinds).reduce((sum, one) => sum + one), 300, 'the number of answers');
    ensure(bytes() - before < 32 << 20, `the gateway grew by ${(bytes() - before) >> 20} MiB`);
  }, { seconds: 40 });
  await checks.test('abandoned calls end at the server when they have timed out, and their agent may be asked again', async () => {
    await eventually(async () => (await callBy(gate, 'far__ask_twice')).message.result?.resultType === 'input_required',
      'a question gets through', 12);
    const pending = () => {
      const records = gate.home.records('audit', 'query', '--server', 'far', '--limit', '100000');
      const count = (kind) => records.filter((record) => record.kind === kind).length;
      return count('call.intent') - count('call.outcome');
    };
    await eventually(() => pending() === 0, 'every call has its outcome', 15);
  }, { seconds: 40 });
  await checks.test('40 calls with 4 MiB of arguments that wait for answers: what waits is bounded in bytes', async () => {
    const before = bytes();
    const kinds = new Set();
    for (let at = 0; at < 40; at += 1) {
      const { message } = await callBy(gate, 'far__ask_twice', { pad: 'x'.repeat(4 << 20) });
      kinds.add(message.result?.resultType ?? message.error?.data?.reason);
    }
    ensure([...kinds].every((kind) => ['input_required', 'overloaded'].includes(kind)), `the answers are ${[...kinds]}`);
    ensure(bytes() - before < 256 << 20, `the gateway grew by ${(bytes() - before) >> 20} MiB`);
  }, { seconds: 40 });
  await checks.test('subscriptions by the hundred, all cut: the next one hears of changes, and nothing stays', async () => {
    const listen = (by, uri) => new ModernExchange(gate.url, uri, 'subscriptions/listen',
      withEnvelope({ notifications: { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource', uri] } }),
      { headers: { authorization: `Bearer ${gate.tokens[by]}` } });
    const acknowledged = ({ method }) => method === 'notifications/subscriptions/acknowledged';
    const before = bytes();
    const held = Array.from({ length: 250 }, (_, at) => listen('ann', `test://template/${at}/data`));
    await Promise.all(held.map((one) => one.next(acknowledged)));
    for (const one of held) one.leave();
    const all = await eventually(async () => {
      const again = listen('ann', 'test://template/x/data');
      const { status } = await again.answered;
      if (status === 200) return again;
      again.leave();
      return undefined;
    }, 'there is room again');
    await all.next(acknowledged);
    await callBy(gate, 'new__test_trigger_tool_change');
    await all.next(({ method }) => method === 'notifications/tools/list_changed');
    await callBy(gate, 'new__test_trigger_tool_change');
    all.leave();
    ensure(bytes() - before < 32 << 20, `the gateway grew by ${(bytes() - before) >> 20} MiB`);
  }, { seconds: 40 });
}

// What lasts, on a pipe that is used for everything else as well.
async function pipes(checks, { home }) {
  const acknowledged = ({ method }) => method === 'notifications/subscriptions/acknowledged';
  const open = async (after) => {
    const agent = await openAgent('stdio', { home, era: 'modern', capabilities: {}, command: ['stdio'] });
    after(() => agent.close());
    return agent;
  };
  const listen = async (agent) => {
    const held = agent.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await held.next(acknowledged);
    return held;
  };
  await checks.test('a pipe whose agent leaves ends its subscription, and does not wait for it', async (after) => {
    const agent = await open(after);
    const held = await listen(agent);
    agent.peer.process.stdin.end();
    const { result } = await withDeadline(held.answer(), 2, 'the result of the subscription');
    equal(result.resultType, 'complete', 'the type of the result');
  });
  await checks.test('initialize does not wait for a subscription of the other era', async (after) => {
    const agent = await open(after);
    await listen(agent);
    await agent.peer.request('open', 'initialize', initializeParams);
    equal((await withDeadline(agent.peer.request('ping', 'ping'), 5, 'the answer to ping')).result, {}, 'the answer');
  });
  await checks.test('a pipe has room for 64 subscriptions, and for another one when one of them ends', async (after) => {
    const agent = await open(after);
    const listenAgain = () => agent.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    const held = Array.from({ length: 64 }, listenAgain);
    await eventually(() => agent.peer.received.filter(acknowledged).length === 64, 'all are acknowledged');
    equal((await withDeadline(listenAgain().answer(), 5, 'the answer to the 65th')).error?.data?.reason, 'overloaded', 'it');
    await held[0].cancel();
    await eventually(() => {
      listenAgain();   // the place may become free a moment later
      return agent.peer.received.filter(acknowledged).length > 64;
    }, 'there is room again');
    ensure((await agent.ask('tools/list')).result, 'the pipe is not stuck');
  });
}

// The first thing that an agent says, while the servers still start.
async function coldStart(checks) {
  for (const era of ['legacy', 'modern']) {
    await checks.test(`a resource of a server that still starts is watched, by an agent of the ${era} era`, async (after) => {
      const home = await Home.create({ fx: server('modern') });
      after(() => home.close());
      const agent = await openAgent('stdio', { home, era, capabilities: {}, command: ['stdio'] });
      after(() => agent.close());
      const uri = 'test://watched-resource';
      if (era === 'legacy') {
        equal((await agent.ask('resources/subscribe', { uri })).result, {}, 'the answer');
      } else {
        const held = agent.start('subscriptions/listen', { notifications: { resourceSubscriptions: [uri] } });
        const { params } = await held.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
        equal(params.notifications, { resourceSubscriptions: [uri] }, 'what is honoured');
      }
      const updated = ({ method }) => method === 'notifications/resources/updated';
      await eventually(async () => (await agent.call('touch_watched'), agent.told.received.some(updated)), 'an update');
    });
  }
}
