// What is left when a server ends, and when its gateway does.

import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { ensure, equal, eventually } from '../lib/checks.js';
import { descendants, isAlive, mentioning } from '../lib/processes.js';
import { finished, plainEnvironment } from '../lib/sandboxes.js';

const cycles = 100;

export async function lifetimes(checks, runner) {
  await checks.test(`${runner.name}: P9 no daemon outlives its server`, async () => {
    const mark = `${runner.base}/daemon-1`;
    const args = ['--program', runner.escape, '--', runner.escape, 'leave_daemons', '20', mark];
    const { stdout } = await runner.command(runner.sandboxed, args);
    equal(stdout.trimEnd(), 'succeeded');
    await eventually(() => mentioning(mark).length === 0, 'no daemon is left', 2);
  });
  await checks.test(`${runner.name}: P9 no daemon outlives a gateway that is killed`, (after) => killed(runner, after));
  for (const [name, scopes] of [['', []], [' beneath a supervisor', ['--rw', '@/s']]]) {
    await checks.test(`${runner.name}: a server${name} is asked to end`, (after) => asked(runner, scopes, after));
  }
  await checks.test(`${runner.name}: P4 on a real terminal nothing is typed`, (after) => terminal(runner, after));
  await checks.test(`${runner.name}: S2 a key of the session and of the user is not read`,
    (after) => keyring(runner, after));
  await checks.test(`${runner.name}: F7 a scope swapped for a link while sandboxes start`,
    (after) => swapped(runner, after));
  await checks.test(`${runner.name}: R8 ${cycles} starts and stops leave nothing`,
    (after) => startAndStop(runner, after), { seconds: 180 });
}

// It may end in its own time, with a status of its own.
async function asked(runner, scopes, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.make('@/s');
  folder.own();
  const script = 'trap "echo asked; exit 7" TERM; echo ready; while :; do sleep 0.02; done';
  const args = [...scopes, '--', 'sh', '-c', script].map((word) => folder.at(word));
  const child = spawn(runner.sandboxed, args, { ...runner.identity, env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'] });
  after(async () => child.kill('SIGKILL'));
  const ended = finished(child);
  let said = '';
  child.stdout.on('data', (part) => { said += part; });
  await eventually(() => said.includes('ready'), 'the server runs');
  child.kill('SIGTERM');
  const { status, stdout } = await ended;
  equal([status, stdout], [7, 'ready\nasked\n'], 'the end');
}

async function killed(runner, after) {
  const mark = `${runner.base}/daemon-2`;
  const script = `${runner.escape} leave_daemons 20 ${mark}; exec sleep 300`;
  const args = ['--program', runner.escape, '--', 'sh', '-c', script];
  const child = spawn(runner.sandboxed, args, { ...runner.identity, env: plainEnvironment(), stdio: ['pipe', 'ignore',
    'ignore'] });
  after(async () => child.kill('SIGKILL'));
  await eventually(() => mentioning(mark).filter(({ command }) => command.startsWith(mark)).length === 20,
    'all daemons run');
  const all = descendants(child.pid).map(({ pid }) => pid);
  ensure(all.length > 20, 'the daemons are not beneath the gateway');
  child.kill('SIGKILL');
  await eventually(() => !all.some(isAlive), 'everything has ended', 2);
}

// script(1) makes a terminal, on which the sandboxed server and the shell after it are.
async function terminal(runner, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.own();
  const attack = `${runner.sandboxed} --program ${runner.escape} -- ${runner.escape} type_on_terminal 0x5412`;
  const typed = folder.at('@/typed');
  const { stdout } = await runner.command('script', ['-qec',
    `cd ${folder.path}; ${attack} </dev/null; read -t 1 line; echo "got[$line]"`, '/dev/null']);
  ensure(stdout.includes('denied EPERM'), `not denied: ${stdout}`);
  ensure(stdout.includes('got[]') && !folder.exists('@/typed'), `typed, see ${typed}`);
}

async function keyring(runner, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  const attacks = ['search_keyring -3 escape', 'search_keyring -4 escape', 'request_key escape',
    'finds /proc/keys escape'];
  folder.write('@/run.sh', `exec ${runner.sandboxed} ${folder.arguments([], attacks).join(' ')}\n`);
  const { stdout } = await runner.command(runner.escape, ['with_key', '/bin/sh', folder.at('@/run.sh')]);
  equal(stdout.trim().split('\n'), ['denied EPERM', 'denied EPERM', 'denied EPERM', 'denied ENODATA']);
}

// A start finds the scope, a link (refused) or nothing (refused), never what the link leads to.
async function swapped(runner, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.make('@/s', '@/out', '@/link');
  folder.write('@/s/f', 'own\n');
  folder.write('@/out/f', 'outside\n');
  folder.own();
  symlinkSync(folder.at('@/out'), folder.at('@/link/s'));
  let starting = true;
  let swaps = 0;
  const swapping = (async () => {
    for (; starting; swaps += 1) {
      renameSync(folder.at('@/s'), folder.at('@/kept'));
      renameSync(folder.at('@/link/s'), folder.at('@/s'));
      await new Promise((resolve) => setImmediate(resolve));
      renameSync(folder.at('@/s'), folder.at('@/link/s'));
      renameSync(folder.at('@/kept'), folder.at('@/s'));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const answers = new Map();
  const once = async () => {
    const { status, stdout, stderr } = await runner.command(runner.sandboxed, folder.arguments(['--rw', '@/s'],
      ['append @/s/f', 'read @/s/f']));
    const answer = status === 125 ? stderr.replace(/'.*'/, '').slice(0, 60) : stdout.trim().replaceAll('\n', ', ');
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    ensure(!stdout.includes('outside'), 'outside was read');
  };
  for (let i = 0; i < 15; ++i) await Promise.all([once(), once(), once()]);
  starting = false;
  await swapping;
  equal(folder.read('@/out/f'), 'outside\n', 'the file outside');
  ensure(swaps > 100, `only ${swaps} swaps`);
  ensure([...answers.keys()].some((answer) => answer.startsWith('refused')),
    `nothing was raced: ${[...answers.keys()]}`);
}

// Of bubblewrap, mounts and descriptors; a name of the runner's in a mount or an argument would be its own.
async function startAndStop(runner, after) {
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const files = () => readdirSync('/tmp').filter((name) => /bwrap|sandboxed/.test(name));
  const before = [mounts(), files()];
  const open = descriptors();
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.make('@/s');
  folder.own();
  // With a supervisor, which must see each end of its server, and without.
  const once = async (scopes) => {
    const { status } = await runner.command(runner.sandboxed, folder.arguments(scopes, ['exists /']));
    equal(status, 0, 'the status');
  };
  const writes = ['--rw', '@/s'];
  for (let i = 0; i < cycles; i += 4) await Promise.all([once([]), once(writes), once([]), once(writes)]);
  await eventually(() => descendants(process.pid).every(({ command }) => !/bwrap|sandboxed|keeper/.test(command)),
    'no process is left');
  equal([mounts(), files()], before, 'mounts and files');
  ensure(descriptors() <= open + 2, `descriptors: ${open} before, ${descriptors()} after`);
}
