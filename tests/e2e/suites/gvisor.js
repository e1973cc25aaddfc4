// The tier `gvisor`: the attacks of ../escape in it, published servers through the gateway, and what is left when a
// server or its gateway ends. Only by name: it needs runsc (apt-get install runsc), which is optional.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases as files } from '../escape/files.js';
import { cases as kernel } from '../escape/kernel.js';
import { cases as names } from '../escape/names.js';
import { cases as network } from '../escape/network.js';
import { onRunsc } from '../escape/on-runsc.js';
import { cases as resources } from '../escape/resources.js';
import { connected, sandboxed, servers, succeeds, world } from '../escape/servers.js';
import { table } from '../escape/table.js';
import { ensure, equal, eventually } from '../lib/checks.js';
import { Home } from '../lib/gateway.js';
import { descendants, isAlive, mentioning } from '../lib/processes.js';
import { echoServer } from '../lib/programs.js';
import { missingFor } from '../lib/tiers.js';
import { Runner, finished, plainEnvironment } from '../lib/sandboxes.js';

const ordinaryUser = 64_243;   // nobody's

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const missing = missingFor('gvisor');
  if (missing) {
    checks.skip('the tier gvisor', missing);
    return;
  }
  const isRoot = process.getuid() === 0;
  const runners = isRoot ? [new Runner('root', undefined, 'gvisor'), new Runner('user', ordinaryUser, 'gvisor')]
    : [new Runner('user', undefined, 'gvisor')];
  for (const runner of runners) {
    try {
      const cases = [...files, ...names, ...network, ...kernel, ...resources];
      await table(checks, runner, [...onRunsc(checks, runner, cases), staged]);
      await own(checks, runner);
    } finally {
      await checks.test(`${runner.name}: nothing is left of it on the host`, async () => {
        await eventually(() => mentioning(runner.base).length === 0, 'no process is left');
        ensure(!readFileSync('/proc/self/mountinfo', 'utf8').includes(runner.base), 'a mount is left');
      });
      await runner.close();
    }
  }
  await throughTheGateway(checks);
  await servers(checks, 'gvisor');
}

const staged = {
  name: 'F14 staged: no name disappears, and what was made here may',
  scopes: ['--staged', '@/s'],
  make: (folder) => ['f', 'g', 'folder/f'].forEach((name) => folder.write(`@/s/${name}`)),
  tries: [['unlink @/s/f', 'denied EPERM'], ['rename @/s/f @/s/new', 'denied EPERM'],
    ['rename @/s/folder @/s/other', 'denied EPERM'], ['unlink @/s/folder/f', 'denied EPERM'],
    ['create @/s/own', 'succeeded'], ['rename @/s/own @/s/mine', 'succeeded'], ['unlink @/s/mine', 'succeeded']],
  host: (folder, { stderr }) => {
    for (const name of ['f', 'g', 'folder/f']) equal(folder.read(`@/s/${name}`), 'own\n', name);
    ensure(stderr.includes(`remove ${folder.at('@/s/f')}`), `not told: ${stderr}`);
  },
};

async function own(checks, runner) {
  const test = (name, action, seconds = 60) => checks.test(`${runner.name}: ${name}`, (after) => action(runner, after),
    { seconds });
  await test('it is another kernel, and status, output and input pass through', passes);
  await test('a command that is not there is said before it starts', absent);
  await test('memory that is used ends at the limit of the whole machine', memoryEnds);
  await test('time on the processor ends at its limit', timeEnds);
  await test('what was written beside the scopes is gone', ephemeral);
  await test('a protected name stays free in scopes beneath /tmp and the home', beneathPrivate);
  await test('content is kept anew in each window', windows);
  await test('what a server puts into the word of the first process is believed of nobody', forged);
  await test('a server ends with its own status, whatever it does to the first process', undisturbed);
  await test('a killed gateway leaves no process and no file', killed);
}

async function inside(runner, scopes, script, input) {
  return runner.command(runner.sandboxed, [...runner.tier, ...scopes, '--', 'sh', '-c', script], { input });
}

async function passes(runner) {
  const child = spawn(runner.sandboxed, [...runner.tier, '--', 'sh', '-c', 'uname -v; cat; echo wrong >&2; exit 7'],
    { ...runner.identity, env: plainEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  const text = 'x'.repeat(1 << 14);
  child.stdin.end(text);
  const { status, stdout, stderr } = await finished(child);
  equal(status, 7);
  const host = spawnSync('uname', ['-v'], { encoding: 'utf8' }).stdout;
  const [version] = stdout.split('\n');
  ensure(version !== '' && `${version}\n` !== host, `the kernel is the host's: ${version}`);
  equal(stdout.length, version.length + 1 + text.length, 'the length of the output');
  equal(stderr, 'wrong\n');
}

async function absent(runner) {
  const { status, stderr } = await runner.command(runner.sandboxed, [...runner.tier, '--', '/usr/bin/no-such-program']);
  equal(status, 125);
  ensure(/refused: '\/usr\/bin\/no-such-program' cannot be executed in its sandbox \(No such file/.test(stderr), stderr);
}

// The next power of two above 256 MB that runsc can count is 1 GiB.
async function memoryEnds(runner) {
  const use = (megabytes) => runner.command(runner.sandboxed, [...runner.tier, '--limit', 'memory_mb=256', '--',
    'python3', '-c', `print(len([b"x" * (1 << 20) for i in range(${megabytes})]))`]);
  equal((await use(400)).stdout, '400\n');
  const { status, stdout } = await use(3000);
  ensure(status !== 0 && stdout === '', `3000 MB were used: ${status} ${stdout}`);
}

async function timeEnds(runner) {
  const { status } = await inside(runner, ['--limit', 'cpu_s=1'], 'while :; do :; done');
  ensure(status >= 128, `it ended with ${status}`);
}

async function ephemeral(runner) {
  const before = ['/tmp', '/var/tmp', '/dev/shm'].map((path) => readdirSync(path));
  const script = 'for f in /tmp /dev/shm /home/toolgate; do echo mine >$f/own-of-gvisor || exit 1; done';
  equal((await inside(runner, [], script)).status, 0);
  const again = await inside(runner, [], 'find /tmp /dev/shm /home/toolgate -name "own-of-gvisor"');
  equal(again.stdout, '');
  for (const [i, path] of ['/tmp', '/var/tmp', '/dev/shm'].entries()) {
    const added = readdirSync(path).filter((name) => !before[i].includes(name));
    ensure(!added.some((name) => /runsc|own-of-gvisor|bwrap/.test(name)), `${path} has ${added}`);
  }
}

async function beneathPrivate(runner, after) {
  const scope = `/tmp/toolgate-gvisor-${runner.name}/scope`;
  after(async () => spawnSync('rm', ['-rf', join(scope, '..')]));
  spawnSync('mkdir', ['-p', scope]);
  spawnSync('chmod', ['777', scope]);
  const script = `cd ${scope}; echo own >f; mv /tmp/toolgate-gvisor-${runner.name} /tmp/moved; echo bad >.bashrc;
    mkdir -p .git/hooks; mkdir new; mv new .husky; echo bad >.mcp.json; true`;
  equal((await inside(runner, ['--rw', scope], script)).status, 0);
  equal(readdirSync(scope).sort(), ['.git', 'f', 'new']);
  equal(readdirSync(join(scope, '.git')), []);
}

// A window begins before the second change and before the third.
async function windows(runner, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.write('@/s/f');
  folder.own();
  const path = folder.at('@/s/f');
  const script = 'echo 1; echo one >>f; sleep 2; echo 2; echo two >f; sleep 2; echo 3; echo three >>f; cat f';
  const args = [...runner.tier, '--staged', folder.at('@/s'), '--cwd', folder.at('@/s'), '--', 'sh', '-c', script];
  const child = spawn(runner.sandboxed, args, { ...runner.identity, env: plainEnvironment(), stdio: ['ignore', 'pipe',
    'pipe'] });
  let seen = '';
  child.stdout.on('data', (part) => (seen += part));
  const ended = finished(child);
  for (const step of ['1', '2']) {
    await eventually(() => seen.includes(`${step}\n`), `step ${step}`, 20);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGUSR1');
  }
  const { stderr } = await ended;
  equal(stderr, `change ${path} 4\nchange ${path} 8\nchange ${path} 4\n`);
}

// It has the first process's user, so what stands in the file in which that says what became of it may be the server's:
// then it may say that the server could not be started, and nothing else (least of all that the host lacks something,
// which would choose another boundary).
async function forged(runner) {
  for (const word of ['mthis host has no boundary', 'rno boundary was made', 'n2 no boundary', 'n123456', 'x', '?']) {
    for (let turn = 0; turn < 4; turn++) {
      const { status, stderr } = await inside(runner, [], `printf '${word}' 1<>/run/toolgate/word/said; exit 0`);
      ensure(!/boundary|cannot be had|cannot be executed/.test(stderr), `${word} was believed: ${stderr}`);
      ensure(status === 0 || (status === 125 && /could not start the server/.test(stderr)), `${word}: ${status} ${stderr}`);
    }
  }
}

// One that is stopped would not hear of the server's end, and the machine would go on.
async function undisturbed(runner) {
  for (const signal of ['STOP', 'KILL', 'TERM', 'TSTP']) {
    const { status } = await inside(runner, [], `kill -${signal} 1; kill -${signal} -1; (kill -${signal} 1; exit 0); exit 3`);
    equal(status, 3, `the status after SIG${signal}`);
  }
}

async function killed(runner) {
  const child = spawn(runner.sandboxed, [...runner.tier, '--', 'sh', '-c', 'sleep 300 & sleep 300 & exec sleep 300'],
    { ...runner.identity, env: plainEnvironment(), stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    const ours = () => descendants(child.pid);
    await eventually(() => ours().length > 8, 'the machine runs', 20);
    ensure(ours().some(({ command }) => command.startsWith('runsc-sandbox')), 'it is not runsc');
    const all = ours().map(({ pid }) => pid);
    const before = readdirSync('/tmp').filter((name) => /runsc/.test(name));
    child.kill('SIGKILL');
    await eventually(() => !all.some(isAlive), 'everything has ended', 5);
    equal(readdirSync('/tmp').filter((name) => /runsc/.test(name)), before);
  } finally {
    child.kill('SIGKILL');
  }
}

async function throughTheGateway(checks) {
  await checks.test('a message of 1 MiB goes in and comes back', large, { seconds: 120 });
  await checks.test('a server is asked to end before it is ended', asked, { seconds: 120 });
  await checks.test('status and doctor name the tier', named, { seconds: 120 });
}

const entry = (args, scopes = [], more = {}) => ({ command: process.execPath, args,
  toolgate: { isolation: 'gvisor', files: scopes, ...more } });

async function large(after) {
  const client = await connected(after, { echo: entry([echoServer]) });
  const text = 'y'.repeat(1 << 20);
  equal(await succeeds(client, 'echo__echo', { text }), `echo:${text}`);
}

// Does not end when its input does; writes down the signal.
async function asked(after) {
  const folder = world(after);
  const server = join(folder, 'server.mjs');
  const word = join(folder, 's', 'word');
  writeFileSync(server, `
import { createInterface } from 'node:readline';
import { writeFileSync } from 'node:fs';
process.on('SIGTERM', () => { writeFileSync(${JSON.stringify(word)}, 'asked'); process.exit(0); });
setInterval(() => {}, 1000);
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = method === 'initialize' ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} },
    serverInfo: { name: 'a', version: '1' } } : method === 'tools/list' ? { tools: [] } : {};
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});
`);
  const home = await Home.create({ slow: entry([server], [{ path: join(folder, 's'), mode: 'rw' }]) });
  after(() => home.close());
  await eventually(() => existsSync(word), 'the review asked it to end', 20);
  equal(readFileSync(word, 'utf8'), 'asked');
}

async function named(after) {
  const home = await Home.create({ echo: entry([echoServer]) });
  after(() => home.close());
  equal(home.records('server', 'list').map(({ isolation }) => isolation), ['gvisor']);
  const rows = new Map(home.records('doctor').map((row) => [row.capability, row]));
  equal(rows.get('tier:gvisor').state, 'ok');
  ensure(/runsc version .*platform ptrace/.test(rows.get('runsc').needed_for), rows.get('runsc').needed_for);
}
