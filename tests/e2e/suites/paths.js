// File scopes on arguments, with the published filesystem server behind the gateway: what is inside is
// answered, what leads out is refused with a record, and the server never hears of it.

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure, equal } from '../lib/checks.js';
import { connectHttp, connectStdio } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { modernNode, packageFolder } from '../lib/programs.js';

const program = join(packageFolder('@modelcontextprotocol/server-filesystem'), 'dist', 'index.js');

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'toolgate-paths-')));
  try {
    furnish(folder);
    await insideAndOutside(checks, folder);
    await widerServer(checks, folder);
    await declared(checks, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// notes is the scope. The server itself is started with the whole folder: it would answer.
function furnish(folder) {
  for (const name of ['notes', 'notes/sub', 'notes_evil', 'secret']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'notes', 'a.txt'), 'inside');
  for (const name of ['notes_evil', 'secret']) writeFileSync(join(folder, name, 'key'), 'outside');
  symlinkSync('../secret/key', join(folder, 'notes', 'link'));
  symlinkSync(join(folder, 'secret'), join(folder, 'notes', 'folder'));
  symlinkSync('a.txt', join(folder, 'notes', 'good'));
}

function server(folder, scopes, more = {}) {
  return { ...local(modernNode, [program, folder], { files: scopes, ...more }), cwd: join(folder, 'notes') };
}

const textOf = (result) => result.content.map(({ text }) => text).join('');

// A refused call: the reason is told, the value is not, the record says why, and nothing was forwarded.
async function refused(client, home, tool, args, pointer, value) {
  const known = new Set(home.records('audit', 'query').map(({ id }) => id));
  const result = await client.callTool({ name: `files__${tool}`, arguments: args });
  const text = textOf(result);
  ensure(result.isError && text.includes(`argument "${pointer}"`), `it says: ${text}`);
  ensure(!text.includes(value), `the value is repeated: ${text}`);
  const fresh = home.records('audit', 'query').filter(({ id }) => !known.has(id));
  equal(fresh.map(({ kind, decision, rule, tool: name }) => ({ kind, decision, rule, tool: name })),
    [{ kind: 'refusal', decision: 'deny', rule: 'mcpServers.files.toolgate.files', tool }], 'the records');
  ensure(fresh[0].reason.startsWith('out_of_scope: ') && text.includes(fresh[0].id), 'the record is not named');
  const asked = JSON.stringify(value).slice(1, -1);
  ensure(JSON.stringify(fresh[0].arguments).includes(asked), 'the record does not say what was asked for');
}

async function insideAndOutside(checks, folder) {
  const at = (...names) => join(folder, ...names);
  let home;
  const ready = await checks.test('the filesystem server is approved with a scope', async () => {
    home = await Home.create({ files: server(folder, [{ path: at('notes'), mode: 'rw' }]) });
  });
  if (!ready) return;
  for (const [transport, connect] of [
    ['stdio', async () => connectStdio(home.stdioParameters())],
    ['HTTP', async () => connectHttp((await home.serve()).url)],
  ]) {
    const client = await connect();
    await allowed(checks, transport, client, at);
    await escapes(checks, transport, client, home, at);
    await client.close();
  }
  await home.close();
}

async function allowed(checks, transport, client, at) {
  await checks.test(`${transport}: what is inside is answered`, async () => {
    const read = async (path) => textOf(await client.callTool({ name: 'files__read_text_file', arguments: { path } }));
    equal(await read(at('notes', 'a.txt')), 'inside', 'the file');
    equal(await read(at('notes', 'sub', '..', 'a.txt')), 'inside', 'the file, by its parents');
    equal(await read(at('notes', 'good')), 'inside', 'the file, by a link');
    const made = await client.callTool({
      name: 'files__write_file', arguments: { path: at('notes', 'sub', 'new.txt'), content: '/etc/passwd' },
    });
    ensure(!made.isError, `the new file was refused: ${textOf(made)}`);
    equal(readFileSync(at('notes', 'sub', 'new.txt'), 'utf8'), '/etc/passwd', 'the new file');
    const many = await client.callTool({
      name: 'files__read_multiple_files', arguments: { paths: [at('notes', 'a.txt'), at('notes', 'good')] },
    });
    equal(textOf(many).split('inside').length, 3, 'the number of answers');
  });
}

async function escapes(checks, transport, client, home, at) {
  const reading = [
    ['an absolute path', '/etc/passwd'],
    ['CVE-2025-53110: a folder that begins alike', at('notes_evil', 'key')],
    ['CVE-2025-53109: a link to a file', at('notes', 'link')],
    ['CVE-2025-53109: a link to a folder', at('notes', 'folder', 'key')],
    ['the parents of the scope', `${at('notes')}/../secret/key`],
    ['a relative path', '../secret/key'],
    ['a long way up', '../'.repeat(30) + 'etc/passwd'],
    ['a path in quotes', `"${at('secret', 'key')}"`],
    ['a file: URI', `file://${at('secret', 'key')}`],
    ['a file: URI with encoded parents', `file://${at('notes')}/%2e%2e/secret/key`],
    ['the home folder', '~/.ssh/id_rsa'],
    ['a link of /proc', '/proc/self/root/etc/passwd'],
  ];
  for (const [name, path] of reading) {
    await checks.test(`${transport}: ${name} is refused before the server sees it`,
      () => refused(client, home, 'read_text_file', { path }, '/path', path));
  }
  await checks.test(`${transport}: every path counts, in arrays and of both ends`, async () => {
    const outside = at('secret', 'key');
    await refused(client, home, 'read_multiple_files', { paths: [at('notes', 'a.txt'), outside] }, '/paths/1', outside);
    await refused(client, home, 'move_file', { source: at('notes', 'a.txt'), destination: at('secret', 'a') },
      '/destination', at('secret', 'a'));
    await refused(client, home, 'move_file', { source: outside, destination: at('notes', 'b') }, '/source', outside);
    await refused(client, home, 'write_file', { path: at('notes', 'folder', 'new'), content: 'x' }, '/path',
      at('notes', 'folder', 'new'));
  });
}

// Without a scope the same server answers: it was the broker that refused.
async function widerServer(checks, folder) {
  await checks.test('without file scopes the server answers what was refused', async (after) => {
    const { files, ...bare } = server(folder, []).toolgate;
    const home = await Home.create({ files: { ...server(folder, []), toolgate: bare } });
    after(() => home.close());
    const client = await connectStdio(home.stdioParameters());
    after(() => client.close());
    const read = await client.callTool({
      name: 'files__read_text_file', arguments: { path: join(folder, 'notes', 'folder', 'key') },
    });
    equal(textOf(read), 'outside', 'the answer');
  });
}

async function declared(checks, folder) {
  await checks.test('what is declared as text is no path, and a scope for URLs is refused at load', async (after) => {
    const scopes = [{ path: join(folder, 'notes') }];
    const tools = { read_text_file: { scopes: { '/path': 'text' } } };
    const home = await Home.create({ files: server(folder, scopes, { tools }) });
    after(() => home.close());
    const client = await connectStdio(home.stdioParameters());
    after(() => client.close());
    const path = join(folder, 'secret', 'key');
    const read = await client.callTool({ name: 'files__read_text_file', arguments: { path } });
    ensure(!textOf(read).includes('toolgate refused'), `it says: ${textOf(read)}`);
    await refused(client, home, 'read_text_file', { path: `file://${path}` }, '/path', path);
    home.write({ mcpServers: { files: server(folder, scopes, { tools: { x: { scopes: { '/u': 'url' } } } }) } });
    const { status, stderr } = home.run('status');
    ensure(status !== 0 && /egress proxy/.test(stderr), `it says: ${stderr}`);
  });
}
