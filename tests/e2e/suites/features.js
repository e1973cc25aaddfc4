// Everything that MCP lets a server and a client say to each other, through the gateway: over stdio on both
// sides, and over Streamable HTTP on both sides.

import {
  CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { ensure, equal, eventually, rejects } from '../lib/checks.js';
import { connectHttp, connectStdio, listAll } from '../lib/clients.js';
import { Home, local, remote } from '../lib/gateway.js';
import { fixture } from '../lib/programs.js';
import { startFixture } from './conformance.js';

const arguments_ = ['--surface', 'features', '--page', '3'];

export async function run(checks, { gateway = true } = {}) {
  const server = await startFixture(...arguments_);
  try {
    if (!gateway) {
      await allFeatures(checks, 'direct', (options) => connectHttp(server.url, options), (name) => name);
      return;
    }
    await withHome(checks, 'stdio', local(process.execPath, [fixture, 'stdio', ...arguments_]),
      async (home) => (options) => connectStdio(home.stdioParameters(), options));
    await withHome(checks, 'HTTP', remote(server.url), async (home) => {
      const serving = await home.serve();
      return (options) => connectHttp(serving.url, options);
    });
  } finally {
    await server.stop();
  }
}

async function withHome(checks, transport, entry, prepare) {
  let home;
  let connect;
  const ready = await checks.test(`${transport}: the gateway is ready`, async () => {
    home = await Home.create({ fx: entry });
    connect = await prepare(home);
  });
  if (ready) {
    await allFeatures(checks, transport, connect, (name) => `fx__${name}`);
    await gatewayOnly(checks, transport, connect, home);
  }
  await home?.close();
}

function textOf(result) {
  return result.content.map(({ text }) => text).join('');
}

// What a tool of the fixture says.
async function ask(client, named, name, args = {}, options) {
  return client.callTool({ name: named(name), arguments: args }, undefined, options);
}

async function allFeatures(checks, transport, connect, named) {
  const test = (name, body) => checks.test(`${transport}: ${name}`, async (after) => {
    await body(async (options) => {
      const client = await connect(options);
      after(() => client.close());
      return client;
    });
  });
  await lists(test, named);
  await notifications(test, named);
  await clientRequests(test, named);
}

async function lists(test, named) {
  await test('tools come page by page, all of them, once', async (connect) => {
    const client = await connect();
    const names = (await listAll(client, 'listTools', 'tools')).map(({ name }) => name);
    equal(names.length, new Set(names).size, 'the number of names');
    for (const name of ['test_simple_text', 'echo', 'process_id']) {
      ensure(names.includes(named(name)), `${named(name)} is missing`);
    }
  });
  await test('a tool gets its arguments, and its structure comes back', async (connect) => {
    const client = await connect();
    const given = { text: 'Größe \u{1f600} "quoted" \\ \u2028', list: [1, -0.5, null, true], deep: { a: { b: [] } } };
    equal((await ask(client, named, 'echo', given)).structuredContent, { echoed: given }, 'structuredContent');
  });
  await test('an unknown tool and a failing tool are told apart', async (connect) => {
    const client = await connect();
    const failing = await ask(client, named, 'test_error_handling');
    equal(failing.isError, true, 'isError');
    ensure(textOf(failing).includes('intentionally'), 'the error text is missing');
    const unknown = await ask(client, named, 'no_such_tool').catch((error) => ({ thrown: error }));
    ensure(unknown.thrown || unknown.isError, 'an unknown tool seems to exist');
  });
  await test('prompts are listed, and made with their arguments', async (connect) => {
    const client = await connect();
    equal((await listAll(client, 'listPrompts', 'prompts')).length, 6, 'the number of prompts');
    const { messages } = await client.getPrompt(
      { name: named('test_prompt_with_arguments'), arguments: { arg1: 'one', arg2: 'two' } });
    equal(messages[0].content.text, "Prompt with arguments: arg1='one', arg2='two'", 'the prompt');
    const image = await client.getPrompt({ name: named('test_prompt_with_image') });
    equal(image.messages[0].content.mimeType, 'image/png', 'the MIME type');
  });
  await test('resources and templates are listed and read', async (connect) => {
    const client = await connect();
    const uris = (await listAll(client, 'listResources', 'resources')).map(({ uri }) => uri);
    ensure(uris.includes('test://static-binary'), 'test://static-binary is not listed');
    const [template] = await listAll(client, 'listResourceTemplates', 'resourceTemplates');
    equal(template.uriTemplate, 'test://template/{id}/data', 'the template');
    const { contents } = await client.readResource({ uri: 'test://template/a%20b/data' });
    equal(JSON.parse(contents[0].text).id, 'a%20b', 'the id');
    ensure((await client.readResource({ uri: 'test://static-binary' })).contents[0].blob, 'there is no blob');
    await rejects(client.readResource({ uri: 'test://nothing' }), /./, 'reading a resource that does not exist');
  });
  await test('completion answers for a prompt and for a template', async (connect) => {
    const client = await connect();
    const argument = { name: 'arg1', value: 'par' };
    for (const ref of [
      { type: 'ref/prompt', name: named('test_prompt_with_arguments') },
      { type: 'ref/resource', uri: 'test://template/{id}/data' },
    ]) {
      const { completion } = await client.complete({ ref, argument });
      equal(completion.values, ['paris', 'park', 'party'], `the values for ${ref.type}`);
    }
  });
}

// The official client forgets a call's progress handler when it reads the answer, before it has run the
// handler for a notification of the same chunk: the last report may be missing, directly as well. That the
// gateway passes all three on, in order and before the answer, is checked without an SDK in gatewayOnly().
function isProgress(seen) {
  ensure(seen.length >= 2, `only ${seen.length} reports of progress arrived`);
  equal(seen, [0, 50, 100].slice(0, seen.length), 'the progress');
}

async function notifications(test, named) {
  await test('progress arrives in order, before the answer', async (connect) => {
    const client = await connect();
    const seen = [];
    await ask(client, named, 'test_tool_with_progress', {}, { onprogress: ({ progress }) => seen.push(progress) });
    isProgress(seen);
  });
  await test('concurrent calls keep their own progress', async (connect) => {
    const client = await connect();
    await Promise.all(Array.from({ length: 8 }, async () => {
      const seen = [];
      await ask(client, named, 'test_tool_with_progress', {}, { onprogress: ({ progress }) => seen.push(progress) });
      isProgress(seen);
    }));
  });
  await test('a cancelled call is cancelled at the server', async (connect) => {
    const client = await connect();
    const counts = async () => JSON.parse(textOf(await ask(client, named, 'cancel_count')));
    const before = await counts();
    const stop = new AbortController();
    const call = ask(client, named, 'wait_for_cancel', {}, { signal: stop.signal });
    await eventually(async () => (await counts()).waiting === before.waiting + 1, 'the call runs at the server');
    stop.abort('enough');
    await rejects(call, /enough|abort/i, 'the cancelled call');
    await eventually(async () => (await counts()).cancelled === before.cancelled + 1, 'the server saw the cancel');
  });
  await test('log messages come from the level that the client set', async (connect) => {
    const levels = [];
    const client = await connect({
      prepare: (made) => made.setNotificationHandler(LoggingMessageNotificationSchema,
        ({ params }) => void levels.push(params.level)),
    });
    await client.setLoggingLevel('error');
    await ask(client, named, 'log_all_levels');
    equal(levels, ['error', 'critical', 'alert', 'emergency'], 'the levels');
  });
  await test('a subscribed resource reports its changes, and no longer after unsubscribing', async (connect) => {
    const updates = [];
    const uri = 'test://watched-resource';
    const client = await connect({
      prepare: (made) => made.setNotificationHandler(ResourceUpdatedNotificationSchema,
        ({ params }) => void updates.push(params.uri)),
    });
    await client.subscribeResource({ uri });
    await ask(client, named, 'touch_watched');
    await eventually(() => updates.length === 1, 'the first update');
    await client.unsubscribeResource({ uri });
    await ask(client, named, 'touch_watched');
    await client.subscribeResource({ uri });
    await ask(client, named, 'touch_watched');
    await eventually(() => updates.length >= 2, 'the update after subscribing again');
    equal(updates, [uri, uri], 'the updates');
  });
}

async function clientRequests(test, named) {
  await test('sampling reaches the client, and its answer the server', async (connect) => {
    const client = await connect({
      capabilities: { sampling: {} },
      prepare: (made) => made.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
        model: 'test', role: 'assistant', content: { type: 'text', text: `heard ${params.messages[0].content.text}` },
      })),
    });
    const answer = await ask(client, named, 'test_sampling', { prompt: 'a question' });
    equal(textOf(answer), 'LLM response: heard a question', 'the answer');
  });
  await test('elicitation carries accept and decline', async (connect) => {
    for (const reply of [{ action: 'accept', content: { username: 'ann', email: 'a@b.c' } }, { action: 'decline' }]) {
      const client = await connect({
        capabilities: { elicitation: {} },
        prepare: (made) => made.setRequestHandler(ElicitRequestSchema, () => reply),
      });
      const answer = textOf(await ask(client, named, 'test_elicitation', { message: 'who?' }));
      const expected = `action=${reply.action}, content=${JSON.stringify(reply.content ?? {})}`;
      equal(answer, `User response: ${expected}`, 'the answer');
    }
  });
  await test('a tool may ask again, with what it heard before', async (connect) => {
    const heard = [];
    const client = await connect({
      capabilities: { elicitation: {} },
      prepare: (made) => made.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        heard.push(params.message);
        return { action: 'accept', content: { name: 'Ann', colour: 'red' } };
      }),
    });
    equal(textOf(await ask(client, named, 'ask_twice')), 'name=Ann, colour=red', 'the answer');
    equal(heard, ['What is your name?', 'Which colour do you like, Ann?'], 'the questions');
  });
  await test('each of several clients is asked for its own call only', async (connect) => {
    await Promise.all(['ann', 'ben', 'cleo'].map(async (name) => {
      const client = await connect({
        capabilities: { elicitation: {} },
        prepare: (made) => made.setRequestHandler(ElicitRequestSchema, ({ params }) => (
          { action: 'accept', content: { username: name, email: params.message } })),
      });
      const answer = textOf(await ask(client, named, 'test_elicitation', { message: `for-${name}` }));
      ensure(answer.includes(`"username":"${name}","email":"for-${name}"`), `${name} got ${answer}`);
    }));
  });
  await test('a client that cannot be asked gets an error, not silence', async (connect) => {
    const client = await connect();
    const asking = ask(client, named, 'test_sampling', { prompt: 'a question' });
    const answer = await asking.catch(({ message }) => ({ isError: true, content: [{ text: message }] }));
    equal(answer.isError, true, 'isError');
    ensure(/sampling/.test(textOf(answer)), `the error is ${textOf(answer)}`);
  });
}

// What only a gateway has to get right.
async function gatewayOnly(checks, transport, connect, home) {
  const named = (name) => `fx__${name}`;
  if (transport === 'stdio') {
    await checks.test('stdio: all progress is passed on, in order, before the answer', async (after) => {
      const peer = home.stdio();
      after(() => peer.close());
      await peer.initialize();
      const params = { name: named('test_tool_with_progress'), arguments: {}, _meta: { progressToken: 'mine' } };
      await peer.request('call', 'tools/call', params);
      const seen = peer.received.slice(1).map((message) => message.params?.progress ?? message.id);
      equal(seen, [0, 50, 100, 'call'], 'what arrived');
      ensure(peer.received[1].params.progressToken === 'mine', 'the progress token is not the agent\'s');
    });
  }
  await checks.test(`${transport}: the agent's roots never reach a server`, async (after) => {
    let asked = false;
    const client = await connect({
      capabilities: { roots: { listChanged: true } },
      prepare: (made) => made.setRequestHandler(ListRootsRequestSchema, () => {
        asked = true;
        return { roots: [{ uri: 'file:///secret', name: 'secret' }] };
      }),
    });
    after(() => client.close());
    await client.sendRootsListChanged();
    const answer = textOf(await ask(client, named, 'ask_roots'));
    ensure(!answer.includes('secret') && !asked, `the server heard ${answer}`);
  });
  await checks.test(`${transport}: the server learns nothing about the agent`, async (after) => {
    const client = await connect();
    after(() => client.close());
    const answer = textOf(await ask(client, named, 'seen_client'));
    ensure(!answer.includes('toolgate-e2e'), `the server heard ${answer}`);
  });
  await checks.test(`${transport}: a tool that appears later is held until it is approved`, async (after) => {
    let changes = 0;
    const client = await connect({
      prepare: (made) => made.setNotificationHandler(ToolListChangedNotificationSchema, () => void (changes += 1)),
    });
    after(() => client.close());
    await ask(client, named, 'add_tool');
    const names = (await listAll(client, 'listTools', 'tools')).map(({ name }) => name);
    ensure(!names.includes(named('added_1')), 'a tool that nobody approved is listed');
    const refused = await ask(client, named, 'added_1').catch((error) => ({ isError: true, content: [error.message] }));
    equal(refused.isError, true, 'isError');
    if (transport !== 'HTTP') return;   // over stdio, `review` starts a process of its own that lacks the tool
    const [waiting] = home.records('review', 'fx').filter(({ tool }) => tool === 'added_1');
    equal(waiting?.state, 'new', 'the state of added_1');
    home.mustRun('approve', 'fx');
    await eventually(() => changes > 0, 'the agent hears that the list changed', 30);
    equal(textOf(await ask(client, named, 'added_1')), 'added 1', 'the answer of the approved tool');
  });
}
