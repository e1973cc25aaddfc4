// What a sandboxed server must not be able to do, tried in real sandboxes: the tables in ../escape. Each case makes
// a folder, runs its attacks as a server with the given scopes, compares what each says with what is expected of it,
// and looks at the host afterwards. As root everything is run twice, the second time as an ordinary user.

import { readFileSync } from 'node:fs';
import { canary } from '../escape/canary.js';
import { cases as files } from '../escape/files.js';
import { cases as kernel } from '../escape/kernel.js';
import { cases as names } from '../escape/names.js';
import { cases as network } from '../escape/network.js';
import { cases as races } from '../escape/races.js';
import { cases as resources } from '../escape/resources.js';
import { lifetimes } from '../escape/lifetimes.js';
import { servers } from '../escape/servers.js';
import { table } from '../escape/table.js';
import { trees } from '../escape/trees.js';
import { ensure, eventually } from '../lib/checks.js';
import { mentioning } from '../lib/processes.js';
import { Runner } from '../lib/sandboxes.js';

const ordinaryUser = 64_242;   // nobody's

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const isRoot = process.getuid() === 0;
  const runners = isRoot ? [new Runner('root'), new Runner('user', ordinaryUser)] : [new Runner('user')];
  if (!isRoot) checks.skip('the cases as root', 'the tests do not run as root');
  for (const runner of runners) {
    try {
      await table(checks, runner, [...files, ...names, ...races, ...network, ...kernel, ...resources]);
      await lifetimes(checks, runner);
      await canary(checks, runner);
      await trees(checks, runner);
    } finally {
      await checks.test(`${runner.name}: nothing is left of it on the host`, async () => {
        await eventually(() => mentioning(runner.base).length === 0, 'no process is left');
        const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
        ensure(!mounts.includes(runner.base), 'a mount is left');
      });
      await runner.close();
    }
  }
  await servers(checks);
}
