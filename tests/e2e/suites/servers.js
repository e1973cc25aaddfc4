// Published servers that nobody here wrote, as people use them: what they list and answer through the
// gateway must be what they list and answer directly, but for the prefix of the names. No call needs a
// network: what would use one is pointed at a closed port, so that it fails at once, and in the same way.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensure, equal } from '../lib/checks.js';
import { connectHttp2, connectStdio, connectStdio2, listAll } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { fixture, modernNode, packageFolder, toolgate } from '../lib/programs.js';
import { parameters, published } from '../lib/published.js';

// What a client can see: lists, and the answers to the calls. A refused call is part of the answer.
async function look(client, calls, rename = (name) => name) {
  const seen = { answers: [] };
  seen.tools = await listAll(client, 'listTools', 'tools');
  for (const [name, args] of calls) {
    try {
      seen.answers.push(await client.callTool({ name: rename(name), arguments: args }));
    } catch (error) {
      seen.answers.push({ code: error.code, message: error.message });
    }
  }
  return seen;
}

// The names without their prefix, in the order of the names: nothing else may differ.
function withoutPrefix(tools, prefix) {
  return tools.filter(({ name }) => name.startsWith(prefix))
    .map((tool) => ({ ...tool, name: tool.name.slice(prefix.length) }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

// The direct client speaks the legacy era to every server, the gateway the modern one where it can: there each
// result names its server.
function withoutServerInfo({ _meta: { 'io.modelcontextprotocol/serverInfo': info, ...meta } = {}, ...answer }) {
  return Object.keys(meta).length > 0 ? { ...answer, _meta: meta } : answer;
}

function compare(name, direct, through) {
  const prefix = `${name}__`;
  equal(withoutPrefix(through.tools, prefix), withoutPrefix(direct.tools, ''), 'tools/list');
  equal(through.answers.map(withoutServerInfo), direct.answers.map(withoutServerInfo), 'the answers');
}

// The capabilities that the gateway declares to its servers: some list other tools to other clients.
async function gatewaysCapabilities() {
  // In the modern era they depend on the agent; a server with a session sees those that never change.
  const sees = [fixture, 'stdio', '--era', 'legacy', '--surface', 'features'];
  const home = await Home.create({ fixture: local(process.execPath, sees) });
  try {
    const client = await connectStdio(home.stdioParameters());
    const { content } = await client.callTool({ name: 'fixture__seen_client', arguments: {} });
    await client.close();
    return JSON.parse(content[0].text).capabilities;
  } finally {
    await home.close();
  }
}

export async function run(checks, { gateway = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-servers-'));
  for (const name of ['home', 'files']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'files', 'note.txt'), 'A note with an umlaut: \u00fc\n');
  const servers = published(folder);
  const direct = new Map();
  try {
    const capabilities = gateway ? await gatewaysCapabilities() : {};
    for (const [name, server] of Object.entries(servers)) {
      await checks.test(`${name} answers directly`, async (after) => {
        const client = await connectStdio2(parameters(server, folder), { capabilities });
        after(() => client.close());
        direct.set(name, await look(client, server.calls));
        ensure(direct.get(name).tools.length > 0, 'it lists no tools');
      });
    }
    if (gateway) await throughGateway(checks, servers, direct, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function throughGateway(checks, servers, direct, folder) {
  let home;
  const ready = await checks.test('all servers are reviewed and approved', async () => {
    home = await Home.create(Object.fromEntries(Object.entries(servers).map(([name, server]) => {
      const { command, args, env } = parameters(server, folder);
      return [name, local(command, args, { env })];
    })));
  }, { seconds: 180 });
  if (!ready) return;
  try {
    await sameAnswers(checks, 'stdio', servers, direct, () => connectStdio2(home.stdioParameters()));
    const serving = await home.serve();
    await sameAnswers(checks, 'HTTP', servers, direct, () => connectHttp2(serving.url));
    await inspector(checks, home, serving);
  } finally {
    await home.close();
  }
}

async function sameAnswers(checks, transport, servers, direct, connect) {
  let client;
  const ready = await checks.test(`the SDK's client connects over ${transport}`, async () => {
    client = await connect();
  });
  for (const [name, server] of ready ? Object.entries(servers) : []) {
    await checks.test(`${name} answers the same over ${transport}`, async () => {
      ensure(direct.has(name), 'there is nothing to compare with: the direct call failed');
      compare(name, direct.get(name), await look(client, server.calls, (tool) => `${name}__${tool}`));
    }, { seconds: 90 });
  }
  await client?.close();
}

// The Inspector's command line: a client that nobody here wrote, and no part of an SDK's tests.
async function inspector(checks, home, serving) {
  const launcher = join(packageFolder('@modelcontextprotocol/inspector'), 'clients', 'launcher', 'build', 'index.js');
  const environment = { ...home.environment, HOME: home.folder };
  const inspect = async (...args) => {
    const { stdout } = await promisify(execFile)(modernNode, [launcher, '--cli', ...args],
      { env: environment, timeout: 60_000 });
    return JSON.parse(stdout);
  };
  const call = ['--method', 'tools/call', '--tool-name', 'everything__echo', '--tool-arg', 'message=inspector'];
  const expected = [{ type: 'text', text: 'Echo: inspector' }];
  await checks.test('the Inspector lists and calls over HTTP', async () => {
    const { tools } = await inspect(serving.url, '--transport', 'http', '--method', 'tools/list');
    ensure(tools.some(({ name }) => name === 'everything__echo'), 'everything__echo is not listed');
    equal((await inspect(serving.url, '--transport', 'http', ...call)).content, expected, 'the answer');
  });
  await checks.test('the Inspector calls over stdio', async () => {
    const answer = await inspect(toolgate, 'stdio', '-e', `TOOLGATE_HOME=${home.folder}`, ...call);
    equal(answer.content, expected, 'the answer');
  });
}
