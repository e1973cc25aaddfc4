// The limits of a server's whole tree of processes, by a cgroup: what it ends at, and that nothing is left of it. Where
// the host gives none, that it is said.

import { spawn, spawnSync } from 'node:child_process';
import { ensure, equal, eventually } from '../lib/checks.js';
import { descendants, isAlive } from '../lib/processes.js';
import { plainEnvironment } from '../lib/sandboxes.js';

const required = ['--limit', 'require_tree=1'];

export async function trees(checks, runner) {
  const tried = await runner.command(runner.sandboxed, [...required, '--', 'true']);
  if (tried.status === 0) return limited(checks, runner);
  checks.skip(`${runner.name}: R2 a tree of processes ends at its limit`, 'no cgroup is delegated to this user here');
  await checks.test(`${runner.name}: R2 a tree that is required and cannot be had is refused, with the remedy`, async () => {
    equal(tried.status, 125, 'the status');
    ensure(/^refused: its sandbox cannot be had on this host: "require_tree" asks .* Delegate=yes/.test(tried.stderr),
      tried.stderr);
    const { status } = await runner.command(runner.sandboxed, ['--', 'true']);
    equal(status, 0, 'without the requirement');
  });
}

async function limited(checks, runner) {
  const bomb = (limit) => runner.command(runner.sandboxed, [...required, '--limit', `memory_mb=${limit}`,
    '--program', runner.escape, '--', runner.escape, 'take_together', '8', '60']);
  await checks.test(`${runner.name}: R2 many processes together end at the limit of their tree`, async () => {
    const within = await bomb(600);
    equal([within.status, within.stdout.trim()], [0, 'succeeded'], `within the limit: ${within.stderr}`);
    const beyond = await bomb(100);
    equal([beyond.status, beyond.stdout], [128 + 9, ''], `beyond the limit: ${beyond.stderr}`);
    ensure(/all its processes together reached "memory_mb"/.test(beyond.stderr), beyond.stderr);
  });
  await checks.test(`${runner.name}: R1 the processes of a tree are counted by it`, async (after) => {
    const { keeper, folders } = await started(runner, after, ['--limit', 'processes=50']);
    const most = (folder) => spawnSync('cat', [`${folder}/pids.max`], { encoding: 'utf8' }).stdout.trim();
    ensure(folders.some((folder) => Number(most(folder)) === 58), `no limit on the processes of ${keeper}`);
  });
  await checks.test(`${runner.name}: R8 no cgroup outlives its server, nor a gateway that is killed`, async (after) => {
    const ended = await started(runner, after, [], 1);
    await eventually(() => groups(ended.keeper).length === 0, 'the cgroup of a server that ended is gone', 3);
    const killed = await started(runner, after);
    killed.child.kill('SIGKILL');
    await eventually(() => groups(killed.keeper).length === 0, 'the cgroup of a killed gateway is gone', 3);
  });
  await checks.test(`${runner.name}: R8 what a killed keeper leaves behind, the next one removes`, async (after) => {
    const { child, keeper } = await started(runner, after);
    const all = descendants(child.pid).map(({ pid }) => pid);
    process.kill(keeper, 'SIGKILL');
    await eventually(() => !all.some(isAlive), 'its server has ended', 3);
    ensure(groups(keeper).length > 0, 'a killed keeper removed its cgroup');
    const other = await started(runner, after);
    equal(groups(keeper), [], 'what is left of the killed one');
    ensure(groups(other.keeper).length > 0, 'that of a living one was removed');
  });
}

async function started(runner, after, limits = [], seconds = 300) {
  const child = spawn(runner.sandboxed, [...required, ...limits, '--', 'sh', '-c', `echo ready; sleep ${seconds}`], {
    ...runner.identity, env: plainEnvironment(), stdio: ['ignore', 'pipe', 'ignore'] });
  after(async () => child.kill('SIGKILL'));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', () => reject(new Error('it did not start')));
  });
  const keeper = descendants(child.pid).find(({ command }) => command.startsWith('toolgate-keeper')).pid;
  const folders = groups(keeper);
  ensure(folders.length > 0, 'there is no cgroup');
  return { child, keeper, folders };
}

function groups(keeper) {
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '12', '-type', 'd', '-name',
    `toolgate.${keeper}-*`], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '');
}
