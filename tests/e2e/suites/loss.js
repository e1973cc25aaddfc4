// A host that lacks what a sandbox is made of: by default the server does not start, and every surface says what is
// missing; with `when_missing` it runs where an administrator wrote it out, with the tools that are listed there and no
// others; and the whole set is back with the first start that finds everything. Each capability is really missing
// (tests/programs/without.cpp). As root everything is run twice, the second time as an ordinary user.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectStdio, listAll } from '../lib/clients.js';
import { mentioning } from '../lib/processes.js';
import { helperProgram, toolgate } from '../lib/programs.js';

const ordinaryUser = 64_243;   // nobody's
const threeTools = fileURLToPath(new URL('../fixture/three-tools.js', import.meta.url));

// What is taken away, and the remedy that must be told.
const losses = [
  { what: 'bubblewrap', says: /\/usr\/bin\/bwrap cannot be executed .* install it \(apt-get install bubblewrap\)/ },
  { what: 'user_namespaces', says: /max_user_namespaces is 0: set it to 10000/ },
  { what: 'landlock', says: /this kernel has no Landlock: one of 6\.2 or newer/ },
  { what: 'seccomp', says: /this kernel has no seccomp that kills and notifies: one of 5\.6 or newer/ },
];

const remains = { isolation: 'none', tools: ['read_file', 'where'] };
const all = ['files__read_file', 'files__where', 'files__write_file'];

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const isRoot = process.getuid() === 0;
  if (!isRoot) checks.skip('the cases as root', 'the tests do not run as root');
  for (const user of isRoot ? [undefined, ordinaryUser] : [undefined]) {
    const who = isRoot && user === undefined ? 'root' : 'user';
    for (const loss of losses) {
      await nothing(checks, `${who}, no ${loss.what}`, user, loss);
      await remaining(checks, `${who}, no ${loss.what}`, user, loss);
    }
    for (const what of ['memory_to_unshare', 'memory_to_clone']) await failing(checks, who, user, what);
    await comesBack(checks, who, user);
  }
  await tree(checks);
  await reviewed(checks);
}

// A home with one sandboxed server, of a user; with everything that this user must be able to read.
class Place {
  static create(after, user, own = {}) {
    const place = new Place();
    place.user = user;
    place.base = mkdtempSync('/var/tmp/toolgate-loss-');
    after(async () => {
      await eventually(() => mentioning(place.base).length === 0, 'no process is left');
      rmSync(place.base, { recursive: true, force: true });
    });
    chmodSync(place.base, 0o755);
    mkdirSync(place.at('files'));
    writeFileSync(place.at('files/note.txt'), 'a note\n');
    for (const [from, to] of [[toolgate, 'toolgate'], [helperProgram('without'), 'without'], [threeTools, 'server.mjs']]) {
      copyFileSync(from, place.at(to));
      chmodSync(place.at(to), 0o755);
    }
    if (user !== undefined) spawnSync('chown', ['-R', `${user}:${user}`, place.base]);
    place.run('init');
    place.own = { files: [{ path: place.at('files'), mode: 'ro' }], ...own };
    place.configure(place.own);
    return place;
  }

  at(name) {
    return join(this.base, name);
  }

  get environment() {
    return { PATH: process.env.PATH, HOME: this.base, TOOLGATE_HOME: this.at('home') };
  }

  get identity() {
    return this.user === undefined ? [] : ['setpriv', `--reuid=${this.user}`, `--regid=${this.user}`, '--clear-groups'];
  }

  configure(own) {
    writeFileSync(this.at('home/toolgate.json'), JSON.stringify({
      mcpServers: { files: { command: process.execPath, args: [this.at('server.mjs')], toolgate: own } },
    }));
  }

  // The command line of toolgate, on a host without something.
  command(args, without) {
    return [...this.identity, ...(without ? [this.at('without'), without] : []), this.at('toolgate'), ...args];
  }

  try(args, without) {
    const [program, ...words] = this.command(args, without);
    return spawnSync(program, words, { env: this.environment, cwd: this.base, encoding: 'utf8', timeout: 90_000,
      stdio: ['ignore', 'pipe', 'pipe'] });
  }

  run(...args) {
    const { status, stdout, stderr } = this.try(args);
    ensure(status === 0, `toolgate ${args.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
    return stdout;
  }

  records(...args) {
    return this.run(...args, '--json').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  approve() {
    this.run('review', 'files', '--json');
    this.run('approve', 'files');
  }

  // A client of a gateway on a host without something. Its stderr is in `said`.
  async connect(after, without) {
    const [command, ...args] = this.command(['stdio'], without);
    const log = this.at(`stderr-${Math.random()}`);
    const client = await connectStdio({ command: '/bin/sh', cwd: this.base, env: this.environment,
      args: ['-c', `exec "$@" 2>'${log}'`, 'sh', command, ...args] });
    let open = true;
    const close = async () => {
      if (open) await client.close();
      open = false;
    };
    after(close);
    return { client, close, said: () => readFileSync(log, 'utf8'), names: async () =>
      (await listAll(client, 'listTools', 'tools')).map(({ name }) => name).sort() };
  }

  status() {
    return this.records('status')[0];
  }
}

async function call(client, tool, args = {}) {
  const answer = await client.callTool({ name: `files__${tool}`, arguments: args });
  return { failed: answer.isError === true, text: answer.content[0].text };
}

async function nothing(checks, name, user, { what, says }) {
  await checks.test(`${name}: by default nothing remains`, async (after) => {
    const place = Place.create(after, user);
    place.approve();
    const gateway = await place.connect(after, what);
    const refused = await call(gateway.client, 'read_file', { path: place.at('files/note.txt') });
    ensure(refused.failed && says.test(refused.text), `the answer: ${JSON.stringify(refused)}`);
    await eventually(async () => (await gateway.names()).length === 0, 'no tool is listed');
    const status = await eventually(() => place.status().missing && place.status(), 'what status says');
    equal([status.isolation, status.isolation_asked, status.process === 'ready', status.pid],
      ['process', 'process', false, null], 'status');
    ensure(says.test(status.missing) && says.test(status.last_error), JSON.stringify(status));
    ensure(says.test(gateway.said()), gateway.said());
    const log = place.records('audit', 'query');
    ensure(log.some(({ kind, decision, tool, reason }) => kind === 'refusal' && decision === 'deny' &&
      tool.endsWith('read_file') && reason.startsWith('uncontained: ')), 'the record of the refusal');
    ensure(log.some(({ kind, reason }) => kind === 'server.exit' && reason.startsWith('uncontained: ') &&
      says.test(reason)), 'the record of the start');
    ensure(!log.some(({ kind }) => kind === 'server.start' || kind === 'call.intent'), 'it was started');
  }, { seconds: 120 });
}

async function remaining(checks, name, user, { what, says }) {
  await checks.test(`${name}: what is listed by name remains, and nothing else`, async (after) => {
    const place = Place.create(after, user, { when_missing: remains });
    place.approve();
    const gateway = await place.connect(after, what);
    const path = place.at('files/note.txt');
    equal(await call(gateway.client, 'where'), { failed: false, text: 'on the host' }, 'where it runs');
    equal(await call(gateway.client, 'read_file', { path }), { failed: false, text: 'a note\n' }, 'a tool that remains');
    equal(await gateway.names(), ['files__read_file', 'files__where'], 'what is listed');
    equal((await gateway.client.listPrompts()).prompts, [], 'the prompts');
    const refused = await call(gateway.client, 'write_file', { path, content: 'x' });
    ensure(refused.failed && says.test(refused.text), `the answer: ${JSON.stringify(refused)}`);
    equal(readFileSync(path, 'utf8'), 'a note\n', 'the file');
    const outside = await call(gateway.client, 'read_file', { path: '/etc/hostname' });
    ensure(outside.failed, 'a file outside of its scopes was read');

    const status = await eventually(() => place.status().process === 'ready' && place.status(), 'what status says');
    equal([status.isolation, status.isolation_asked], ['none', 'process'], 'status');
    ensure(says.test(status.missing) && says.test(status.last_error), JSON.stringify(status));
    ensure(place.run('status').includes('none, not process'), place.run('status'));
    ensure(/server\.lesser_boundary/.test(gateway.said()) && says.test(gateway.said()), gateway.said());
    const log = place.records('audit', 'query');
    const found = (wanted) => log.find((record) => Object.entries(wanted).every(([key, value]) => record[key] === value));
    const rule = 'mcpServers.files.toolgate.when_missing';
    ensure(says.test(found({ kind: 'server.start' }).reason), 'the record of the start');
    equal(found({ kind: 'call.intent', tool: 'read_file' }).rule, rule, 'the rule of the call');
    ensure(says.test(found({ kind: 'call.outcome', tool: 'read_file' }).reason), 'the outcome');
    ensure(found({ kind: 'refusal', tool: 'write_file', decision: 'deny' }).reason.startsWith('uncontained: '),
      'the record of the refusal');
  }, { seconds: 120 });
}

// Whoever can make a host run out of something would choose the boundary.
async function failing(checks, who, user, what) {
  await checks.test(`${who}, no ${what}: what merely failed is no loss, and nothing runs in less`, async (after) => {
    const place = Place.create(after, user, { when_missing: remains });
    place.approve();
    const gateway = await place.connect(after, what);
    const refused = await call(gateway.client, 'where').then(() => 'an answer', (error) => error.message);
    ensure(/not available: its sandbox was refused: .*Cannot allocate memory/.test(refused), refused);
    const status = await eventually(() => place.status().last_error && place.status(), 'what status says');
    equal([status.isolation, status.missing, status.process === 'ready'], ['process', '', false], 'status');
    const log = place.records('audit', 'query');
    ensure(!log.some(({ kind }) => kind === 'server.start' || kind === 'call.intent'), 'it was started');
    ensure(log.some(({ kind, decision, reason }) => kind === 'refusal' && decision === 'error' &&
      reason.startsWith('unavailable: ')), 'the record of the refusal');
    ensure(!log.some(({ reason }) => reason?.startsWith('uncontained')), 'it counts as a loss');
  }, { seconds: 120 });
}

async function comesBack(checks, who, user) {
  await checks.test(`${who}: everything is back with the next start that finds the capability`, async (after) => {
    const place = Place.create(after, user, { when_missing: remains });
    place.approve();
    const without = await place.connect(after, 'bubblewrap');
    equal(await call(without.client, 'where'), { failed: false, text: 'on the host' }, 'without');
    await without.close();
    const gateway = await place.connect(after);
    equal(await call(gateway.client, 'where'), { failed: false, text: 'in a sandbox' }, 'with it');
    equal(await gateway.names(), all, 'what is listed');
    const status = await eventually(() => place.status().process === 'ready' && place.status(), 'what status says');
    equal([status.isolation, status.missing, status.last_error], ['process', '', ''], 'status');
  }, { seconds: 120 });
}

// The boundary itself is there, and the cgroup that is required is not.
async function tree(checks) {
  const limits = { require_tree: true };
  const says = /"require_tree" asks for limits on all its processes together, and no cgroup/;
  await checks.test('no cgroups: a tree that is required refuses, or what was written out remains', async (after) => {
    const place = Place.create(after, undefined, { limits: {} });
    place.approve();
    const plain = await place.connect(after, 'cgroups');
    equal(await call(plain.client, 'where'), { failed: false, text: 'in a sandbox' }, 'where none is required');
    const without = await eventually(() => place.status().limits && place.status(), 'what status says');
    ensure(without.limits === 'process' && /no cgroup/.test(without.no_tree), JSON.stringify(without));
    ensure(/Limits hold for each process alone/.test(place.run('status')), place.run('status'));
    await plain.close();

    place.configure({ ...place.own, limits });
    const refusing = await place.connect(after, 'cgroups');
    const refused = await call(refusing.client, 'where');
    ensure(refused.failed && says.test(refused.text), `the answer: ${JSON.stringify(refused)}`);
    await refusing.close();

    place.configure({ ...place.own, limits, when_missing: { isolation: 'process', tools: ['where'] } });
    place.approve();
    const gateway = await place.connect(after, 'cgroups');
    equal(await call(gateway.client, 'where'), { failed: false, text: 'in a sandbox' }, 'where it runs');
    equal(await gateway.names(), ['files__where'], 'what is listed');
    const status = await eventually(() => place.status().limits && place.status(), 'what status says');
    equal([status.isolation, status.isolation_asked, status.limits], ['process', 'process', 'process'], 'status');
    ensure(says.test(status.missing), JSON.stringify(status));
    ensure(place.run('status').includes('process, no tree'), place.run('status'));
  }, { seconds: 120 });
}

// What remains is part of what an administrator looks at and signs.
async function reviewed(checks) {
  await checks.test('what remains is shown by review, and a change of it waits for one', async (after) => {
    const place = Place.create(after, undefined);
    place.approve();
    place.configure({ ...place.own, when_missing: remains });
    const gateway = await place.connect(after, 'bubblewrap');
    ensure((await call(gateway.client, 'read_file', { path: place.at('files/note.txt') })).failed, 'it was not held');
    equal(await gateway.names(), [], 'what is listed');
    equal(place.records('review', 'files')[0].scopes.when_missing, remains, 'what review says');
    place.run('approve', 'files');
    await eventually(async () => (await gateway.names()).length === 2, 'what remains is listed');
    place.configure({ ...place.own, when_missing: { ...remains, isolation: 'any' } });
    const { status, stderr } = place.try(['status']);
    ensure(status === 1 && /'isolation' of 'when_missing' must be/.test(stderr), stderr);
  }, { seconds: 120 });
}
