// What goes through the pipes of a server in a virtual machine, and how it ends.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { ensure, equal, eventually } from '../lib/checks.js';
import { descendants, isAlive } from '../lib/processes.js';
import { finished, plainEnvironment } from '../lib/sandboxes.js';

const machine = ({ command }) => command.startsWith('/usr/bin/qemu-system');
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const megabytes = randomBytes(6 << 20);

function started(runner, args, stdio = ['pipe', 'pipe', 'pipe']) {
  return spawn(runner.sandboxed, ['--tier', 'vm', ...args], { ...runner.identity, env: plainEnvironment(), stdio });
}

// Runs it with this input to its end.
async function run(runner, args, input) {
  const child = started(runner, args);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return finished(child, 150);
}

export async function machineLifetimes(checks, runner) {
  const test = (name, body) => checks.test(`${runner.name}: ${name}`, (after) => body(runner, after), { seconds: 180 });
  await test('its status, stdout and stderr are the server\'s, and the end of stdin reaches it', ends);
  await test('the signal that ended it is told', signalled);
  await test('a program that is not there is not executed, and that is said', notThere);
  await test('a machine too small for its kernel is refused', tooSmall);
  if (process.getuid() === 0) {
    await test('without QEMU, and without a kernel for it, nothing starts, and the package is named', lacking);
  } else {
    checks.skip('a host without QEMU or a kernel', 'the tests do not run as root');
  }
  await test('megabytes go in, and megabytes come out to somebody slow', large);
  await test('a server that closes its stdout goes on', closes);
  await test('nothing that it leaves behind keeps the machine', leaves);
  await test('R2 memory taken by many processes ends the server, not the host', takesMemory);
  await test('P9 no machine outlives a gateway that is killed', killed);
}

async function ends(runner) {
  const script = 'cat; echo complaint >&2; exit 3';
  const { status, stdout, stderr } = await run(runner, ['--', '/bin/sh', '-c', script], 'said\n');
  equal([status, stdout, stderr], [3, 'said\n', 'complaint\n']);
}

async function signalled(runner) {
  const { status, stdout } = await run(runner, ['--', '/bin/sh', '-c', 'echo first; kill -ABRT $$'], '');
  equal([status, stdout], [128 + 6, 'first\n']);
}

async function notThere(runner) {
  const { status, stderr } = await run(runner, ['--', '/usr/bin/no-such-program'], '');
  equal(status, 125);
  ensure(stderr.includes('cannot be executed in its sandbox (No such file or directory)'), stderr);
}

async function tooSmall(runner) {
  const { status, stderr } = await run(runner, ['--limit', 'memory_mb=128', '--', '/bin/true'], '');
  equal(status, 125);
  ensure(/"memory_mb" of 192 or more/.test(stderr), stderr);
}

// In a mount namespace of its own, where they are covered.
async function lacking(runner) {
  const start = `exec ${runner.sandboxed} --tier vm -- /bin/true`;
  const covered = (mount) => finished(spawn('unshare', ['-m', '/bin/sh', '-ec', `${mount}; ${start}`],
    { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] }));
  const withoutProgram = await covered('mount --bind /dev/null /usr/bin/qemu-system-x86_64');
  equal(withoutProgram.status, 125);
  ensure(withoutProgram.stderr.includes('apt-get install qemu-system-x86'), withoutProgram.stderr);
  const withoutKernel = await covered('mount -t tmpfs none /boot');
  equal(withoutKernel.status, 125);
  ensure(withoutKernel.stderr.includes('apt-get install linux-image-amd64'), withoutKernel.stderr);
  const withoutModules = await covered('mount -t tmpfs none /lib/modules');
  equal(withoutModules.status, 125);
  ensure(/no module 'virtio_mmio'.*linux-image-amd64/.test(withoutModules.stderr), withoutModules.stderr);
}

async function large(runner, after) {
  const folder = runner.folder();
  after(async () => folder.remove());
  folder.make('@/s');
  writeFileSync(folder.at('@/s/big'), megabytes);
  folder.own();
  const into = await run(runner, ['--', '/usr/bin/sha256sum'], megabytes);
  equal(into.stdout.split(' ')[0], digest(megabytes), 'what came in');
  const child = started(runner, ['--ro', folder.at('@/s'), '--', '/bin/cat', folder.at('@/s/big')]);
  child.stdin.end();
  const parts = [];
  for await (const part of child.stdout) {
    parts.push(part);
    if (parts.length % 20 === 1) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  equal(digest(Buffer.concat(parts)), digest(megabytes), 'what came out');
}

async function closes(runner) {
  const script = 'echo said; exec >&-; echo still >&2; sleep 2; echo there >&2; exit 4';
  const { status, stdout, stderr } = await run(runner, ['--', '/bin/sh', '-c', script], '');
  equal([status, stdout, stderr], [4, 'said\n', 'still\nthere\n']);
}

async function leaves(runner) {
  const began = performance.now();
  const { status, stdout } = await run(runner, ['--', '/bin/sh', '-c', 'sleep 100 & setsid sleep 100 & echo done'], '');
  equal([status, stdout], [0, 'done\n']);
  ensure(performance.now() - began < 90_000, 'it waited for what was left');
}

async function takesMemory(runner) {
  const script = 'for i in 1 2 3 4 5 6; do tail /dev/zero & done; wait; echo alive';
  const { status, stdout } = await run(runner, ['--limit', 'memory_mb=256', '--', '/bin/sh', '-c', script], '');
  ensure(status !== 0 || stdout === 'alive\n', `${status}: ${stdout}`);
}

async function killed(runner, after) {
  const child = started(runner, ['--', '/bin/sh', '-c', 'echo up; exec sleep 300'], ['ignore', 'pipe', 'ignore']);
  after(async () => child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const all = descendants(child.pid);
  ensure(all.some(machine), 'there is no machine beneath the gateway');
  child.kill('SIGKILL');
  await eventually(() => !all.some(({ pid }) => isAlive(pid)), 'everything has ended', 3);
}
