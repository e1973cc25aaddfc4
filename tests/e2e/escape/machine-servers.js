// Published servers in virtual machines, through the gateway; and how the gateway ends one that does not end by itself.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectHttp, connectStdio } from '../lib/clients.js';
import { Home } from '../lib/gateway.js';
import { descendants, isAlive } from '../lib/processes.js';
import { modernNode, packageFolder } from '../lib/programs.js';

const official = (name, ...args) => [join(packageFolder(`@modelcontextprotocol/server-${name}`), 'dist',
  'index.js'), ...args];
const machine = ({ command }) => command.startsWith('/usr/bin/qemu-system');

// An emulated processor is many times slower.
const patient = { timeout: 240_000 };

class Stage {
  static async open(after, ...how) {
    const stage = await Stage.make(after, ...how);
    await stage.connect(after, await connectStdio(stage.home.stdioParameters()));
    return stage;
  }

  static async make(after, args, mode, more = () => ({})) {
    const stage = new Stage();
    stage.folder = mkdtempSync('/var/tmp/toolgate-vm-');
    after(async () => rmSync(stage.folder, { recursive: true, force: true }));
    mkdirSync(join(stage.folder, 's'));
    writeFileSync(stage.at('note.txt'), 'one\n');
    if (process.getuid() === 0) spawnSync('chown', ['-R', '65534:65534', stage.folder]);
    stage.home = await Home.create({ own: {
      command: modernNode, args: args(join(stage.folder, 's')), ...more(join(stage.folder, 's')),
      toolgate: { isolation: 'vm', files: [{ path: join(stage.folder, 's'), mode }] },
    } });
    after(() => stage.home.close());
    return stage;
  }

  async connect(after, client) {
    this.client = client;
    after(() => client.close());
    await eventually(async () => (await client.listTools(undefined, patient)).tools.length > 0, 'its tools', 150);
  }

  at(name) {
    return join(this.folder, 's', name);
  }

  async call(tool, args) {
    const answer = await this.client.callTool({ name: `own__${tool}`, arguments: args }, undefined, patient);
    return { failed: answer.isError === true, text: answer.content.map(({ text }) => text ?? '').join('\n') };
  }

  async must(tool, args) {
    const { failed, text } = await this.call(tool, args);
    ensure(!failed, `${tool} failed: ${text}`);
    return text;
  }
}

export async function machineServers(checks) {
  const test = (name, body) => checks.test(name, body, { seconds: 600 });
  await test('the filesystem server in a machine, in a rw scope, with a message of megabytes', filesystem);
  await test('the filesystem server in a machine, in a staged scope: what is removed waits, content is kept', staged);
  await test('the memory server in a machine keeps its file, and ends with the gateway', memory);
  await test('a gateway that is stopped while its canary\'s machine starts ends at once', stopped);
  await test('SIGTERM reaches a server in a machine that does not end at the end of its input', terminated);
}

async function filesystem(after) {
  const stage = await Stage.open(after, (scope) => official('filesystem', scope), 'rw');
  const note = stage.at('note.txt');
  equal((await stage.must('read_text_file', { path: note })).trim(), 'one');
  await stage.must('edit_file', { path: note, edits: [{ oldText: 'one', newText: 'two' }] });
  equal(readFileSync(note, 'utf8'), 'two\n');
  writeFileSync(note, 'the host was here\n');
  equal((await stage.must('read_text_file', { path: note })).trim(), 'the host was here');
  const content = 'A line of text, again and again.\n'.repeat(60_000);
  await stage.must('write_file', { path: stage.at('large.txt'), content });
  equal(readFileSync(stage.at('large.txt'), 'utf8').length, content.length);
  ensure((await stage.must('read_text_file', { path: stage.at('large.txt') })).startsWith('A line of text'), 'not read');
  await stage.must('move_file', { source: note, destination: stage.at('moved.txt') });
  ensure(existsSync(stage.at('moved.txt')) && !existsSync(note), 'it was not moved');
  ensure((await stage.call('write_file', { path: stage.at('.bashrc'), content: 'attack\n' })).failed, 'a protected name');
  ensure((await stage.call('read_text_file', { path: '/etc/shadow' })).failed, 'outside of the scope');
}

async function staged(after) {
  const stage = await Stage.open(after, (scope) => official('filesystem', scope), 'rw-no-delete');
  const note = stage.at('note.txt');
  await stage.must('edit_file', { path: note, edits: [{ oldText: 'one', newText: 'two' }] });
  equal(readFileSync(note, 'utf8'), 'two\n');
  const kept = stage.home.records('kept', 'list').filter(({ path }) => path === note);
  equal(kept.length, 1, 'how often the content was kept');
  equal(stage.home.mustRun('kept', 'show', kept[0].id), 'one\n');
  ensure((await stage.call('move_file', { source: note, destination: stage.at('moved.txt') })).failed, 'it was moved');
  ensure(existsSync(note) && !existsSync(stage.at('moved.txt')), 'a name disappeared');
  const waiting = stage.home.records('approvals', 'list');
  ensure(waiting.some((one) => JSON.stringify(one).includes(`"${note}"`)), JSON.stringify(waiting));
}

async function memory(after) {
  const stage = await Stage.open(after, () => official('memory'), 'rw',
    (scope) => ({ env: { MEMORY_FILE_PATH: join(scope, 'memory.jsonl') } }));
  const entities = [{ name: 'toolgate', entityType: 'program', observations: ['in a machine'] }];
  await stage.must('create_entities', { entities });
  ensure(readFileSync(stage.at('memory.jsonl'), 'utf8').includes('in a machine'), 'nothing was kept');
  ensure((await stage.must('search_nodes', { query: 'toolgate' })).includes('in a machine'), 'nothing was found');
  const machines = descendants(process.pid).filter(machine);
  ensure(machines.length > 0, 'there is no machine');
  await stage.client.close();
  await eventually(() => !machines.some(({ pid }) => isAlive(pid)), 'the machine has ended', 10);
}

async function stopped(after) {
  const stage = await Stage.make(after, (scope) => official('filesystem', scope), 'rw');
  const serving = await stage.home.serve();
  const first = await eventually(() => descendants(process.pid).find(machine), 'the canary\'s machine', 60);
  const begin = Date.now();
  await serving.stop();
  ensure(Date.now() - begin < 3000, `it took ${Date.now() - begin} ms`);
  await eventually(() => !isAlive(first.pid), 'the machine has ended', 5);
  const starts = stage.home.records('audit', 'query').filter(({ kind }) => kind === 'server.start');
  equal(starts.length, 0, 'a server was started');
}

// The smallest server, which hears of its end and takes its time.
const stubborn = (marker) => ['-e', `
process.on('SIGTERM', () => { require('node:fs').writeFileSync(${JSON.stringify(marker)}, 'heard'); process.exit(0); });
setInterval(() => {}, 1000);
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const tools = [{ name: 'none', description: 'Nothing.', inputSchema: { type: 'object' } }];
  const result = method === 'initialize' ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} },
    serverInfo: { name: 'stubborn', version: '1' } } : method === 'tools/list' ? { tools } : undefined;
  console.log(JSON.stringify(result ? { jsonrpc: '2.0', id, result }
    : { jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method' } }));
});`];

async function terminated(after) {
  const stage = await Stage.make(after, (scope) => stubborn(join(scope, 'heard')), 'rw');
  const serving = await stage.home.serve();
  await stage.connect(after, await connectHttp(serving.url));
  // Tools are listed before their server has started; a call waits for that.
  await stage.client.callTool({ name: 'own__none', arguments: {} }, undefined, patient).catch(() => {});
  rmSync(stage.at('heard'), { force: true });   // of the review
  await stage.client.close();
  await serving.stop();   // (a stdio client of the SDK would kill the gateway first)
  ensure(existsSync(stage.at('heard')), 'it did not hear');
}
