// The fixture server itself, where the conformance suites do not look: the options that choose an era, the
// modern era over stdio, cancellation, tasks that are listened to, and states that somebody tampered with.

import { ensure, equal, eventually } from '../lib/checks.js';
import { ask, ModernExchange, subscriptionKey, tasksExtension, withEnvelope } from '../lib/modern.js';
import { fixture } from '../lib/programs.js';
import { exchange, HttpPeer, initializeParams, LinePeer, messagesOf } from '../lib/raw.js';
import { startFixture } from './conformance.js';

const features = ['--surface', 'features'];
const plain = { capabilities: { elicitation: {} } };
const withTasks = { capabilities: { elicitation: {}, extensions: { [tasksExtension]: {} } } };
const call = (name, args = {}, more = {}) => ({ name, arguments: args, ...more });
const textOf = ({ result }) => result.content[0].text;

// Both transports behind the same methods. `hold` starts a request that is not answered at once.
class OverHttp {
  static async open(after) {
    const server = await startFixture(...features);
    after(() => server.stop());
    return new OverHttp(server.url);
  }

  constructor(url) {
    this.url = url;
  }

  async ask(method, params) {
    return (await ask(this.url, method, params)).message;
  }

  hold(method, params) {
    const held = new ModernExchange(this.url, 'held', method, params);
    return { id: 'held', received: held.received, next: (wanted) => held.next(wanted), stop: () => held.leave() };
  }
}

class OverStdio {
  #peer;
  #count = 0;

  static async open(after) {
    const peer = new LinePeer(process.execPath, [fixture, 'stdio', ...features], process.env);
    after(() => peer.close());
    return new OverStdio(peer);
  }

  constructor(peer) {
    this.#peer = peer;
  }

  async ask(method, params) {
    return this.#peer.request((this.#count += 1), method, params);
  }

  hold(method, params) {
    const id = `held-${(this.#count += 1)}`;
    this.#peer.send({ id, method, params });
    return {
      id,
      received: this.#peer.received,
      next: async (wanted) => this.#peer.received.find(wanted) ?? this.#peer.next(wanted),
      stop: () => this.#peer.send({ method: 'notifications/cancelled', params: { requestId: id } }),
    };
  }
}

export async function run(checks) {
  await erasOverHttp(checks);
  await erasOverStdio(checks);
  for (const [transport, { open }] of [['HTTP', OverHttp], ['stdio', OverStdio]]) {
    const test = (name, body) =>
      checks.test(`${transport}, 2026-07-28: ${name}`, async (after) => body(await open(after), after));
    await rounds(test);
    await cancellation(test);
    await tasks(test);
  }
}

// What a server of each era answers to the opening of either: [HTTP status, error code or undefined].
const openings = {
  dual: { discover: [200, undefined], initialize: [200, undefined] },
  legacy: { discover: [400, -32000], initialize: [200, undefined] },
  modern: { discover: [200, undefined], initialize: [400, -32022] },
};

async function erasOverHttp(checks) {
  for (const [era, expected] of Object.entries(openings)) {
    await checks.test(`HTTP: --era ${era} answers what it should, and nothing else`, async (after) => {
      const server = await startFixture('--era', era);
      after(() => server.stop());
      const { status, message } = await ask(server.url, 'server/discover', withEnvelope());
      equal([status, message.error?.code], expected.discover, 'the answer to server/discover');
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams });
      const answer = await exchange(server.url, { headers: new HttpPeer(server.url).headers(), body });
      equal([answer.status, messagesOf(answer).at(-1).error?.code], expected.initialize, 'the answer to initialize');
    });
  }
}

async function erasOverStdio(checks) {
  for (const [era, expected] of Object.entries(openings)) {
    await checks.test(`stdio: --era ${era} answers what it should, and nothing else`, async (after) => {
      const peer = new LinePeer(process.execPath, [fixture, 'stdio', '--era', era], process.env);
      after(() => peer.close());
      const discovered = await peer.request(1, 'server/discover', withEnvelope());
      equal(discovered.error?.code, era === 'legacy' ? -32601 : undefined, 'the answer to server/discover');
      const opened = await peer.request(2, 'initialize', initializeParams);
      equal(opened.error?.code, expected.initialize[1], 'the answer to initialize');
    });
  }
}

async function rounds(test) {
  const accept = (content) => ({ action: 'accept', content });
  const again = (more) => withEnvelope(call('ask_twice', {}, more), plain);
  await test('two questions take two rounds, and the state holds the first answer', async (peer) => {
    const first = await peer.ask('tools/call', again({}));
    equal(Object.keys(first.result.inputRequests), ['first'], 'the first question');
    const second = await peer.ask('tools/call', again({ inputResponses: { first: accept({ name: 'Ann' }) } }));
    equal(second.result.inputRequests.second.params.message, 'Which colour do you like, Ann?', 'the second question');
    const { requestState } = second.result;
    const last = await peer.ask('tools/call',
      again({ inputResponses: { second: accept({ colour: 'red' }) }, requestState }));
    equal(textOf(last), 'name=Ann, colour=red', 'the answer');
  });
  await test('a state that was changed, or made for another request, is refused', async (peer) => {
    const { result: { requestState } } = await peer.ask('tools/call',
      again({ inputResponses: { first: accept({ name: 'Ann' }) } }));
    const [version, , mac] = requestState.split('.');
    const forged = Buffer.from('{"p":{"answers":{}},"exp":9999999999}').toString('base64url');
    for (const state of [`${requestState}A`, [version, forged, mac].join('.')]) {
      equal((await peer.ask('tools/call', again({ requestState: state }))).error?.code, -32602, 'the code');
    }
    const elsewhere = withEnvelope(call('test_input_required_result_elicitation', {}, { requestState }), plain);
    equal((await peer.ask('tools/call', elsewhere)).error?.code, -32602, 'the code for another tool');
  });
  await test('a client that cannot be asked is told what is missing', async (peer) => {
    const { error } = await peer.ask('tools/call', withEnvelope(call('ask_twice')));
    equal([error?.code, error?.data], [-32021, { requiredCapabilities: { elicitation: {} } }], 'the error');
  });
  await test('a large result arrives whole', async (peer) => {
    const bytes = 4 * 1024 * 1024;
    const answer = textOf(await peer.ask('tools/call', withEnvelope(call('large_result', { bytes }))));
    equal([answer.length, answer.slice(-16)], [bytes, '0123456789abcdef'], 'the size and the end');
  });
  await test('log messages come only when the request wants them, from its level', async (peer) => {
    const held = peer.hold('tools/call', withEnvelope(call('log_all_levels'), { logLevel: 'alert' }));
    await held.next(({ id }) => id === held.id);
    const logged = held.received.filter(({ method }) => method === 'notifications/message');
    equal(logged.map(({ params }) => params.level), ['alert', 'emergency'], 'the levels');
  });
}

async function cancellation(test) {
  await test('a call that is cancelled ends at the server', async (peer) => {
    const counts = async () => JSON.parse(textOf(await peer.ask('tools/call', withEnvelope(call('cancel_count')))));
    const held = peer.hold('tools/call', withEnvelope(call('wait_for_cancel'), { progressToken: 'p' }));
    await held.next(({ method }) => method === 'notifications/progress');
    equal(await counts(), { waiting: 1, cancelled: 0 }, 'the counts before');
    held.stop();
    await eventually(async () => (await counts()).cancelled === 1, 'the server saw the cancellation');
    equal(await counts(), { waiting: 0, cancelled: 1 }, 'the counts after');
  });
}

async function tasks(test) {
  const start = async (peer, name, args) => {
    const { result } = await peer.ask('tools/call', withEnvelope(call(name, args), withTasks));
    equal(result.resultType, 'task', 'the type of the result');
    return result.taskId;
  };
  const listenTo = (taskIds, more = {}) => withEnvelope({ notifications: { taskIds, ...more } }, withTasks);
  await test('a stream tells of the tasks that it was opened for, and of the lists', async (peer, after) => {
    const [mine, other] = [await start(peer, 'multi_input'), await start(peer, 'multi_input')];
    const held = peer.hold('subscriptions/listen', listenTo([mine, 'unknown'], { toolsListChanged: true }));
    after(async () => held.stop());
    const { params } = await held.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
    equal(params.notifications, { taskIds: [mine], toolsListChanged: true }, 'what is honoured');
    for (const taskId of [other, mine]) {
      await peer.ask('tasks/update', withEnvelope(
        { taskId, inputResponses: { name: { action: 'accept', content: { name: 'Ann' } } } }, withTasks));
      await peer.ask('tasks/cancel', withEnvelope({ taskId }, withTasks));
    }
    await held.next(({ method, params: told }) => method === 'notifications/tasks' && told.status === 'cancelled');
    const told = held.received.filter(({ method }) => method === 'notifications/tasks').map((heard) => heard.params);
    equal(told.map(({ status }) => status), ['input_required', 'cancelled'], 'the statuses');
    ensure(told.every(({ taskId }) => taskId === mine), 'it tells of another task');
    ensure(told.every(({ _meta }) => _meta[subscriptionKey] === held.id), 'the id of the subscription is not there');
    await peer.ask('tools/call', withEnvelope(call('add_tool')));
    const changed = await held.next(({ method }) => method === 'notifications/tools/list_changed');
    equal(changed.params._meta[subscriptionKey], held.id, 'the id of the subscription');
  });
  await test('tasks are for clients that know them', async (peer) => {
    const ways = { 'tasks/get': { taskId: 'x' }, 'subscriptions/listen': { notifications: { taskIds: ['x'] } } };
    for (const [method, params] of Object.entries(ways)) {
      const { error } = await peer.ask(method, withEnvelope(params));
      equal(error?.code, -32021, `the code for ${method}`);
      ensure(error.data.requiredCapabilities.extensions[tasksExtension], 'the extension is not named');
    }
    const { result } = await peer.ask('tools/call', withEnvelope(call('slow_compute', { seconds: 0 })));
    equal(result.resultType, 'complete', 'the type of the result');
  });
}
