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
import { trees } from '../escape/trees.js';
import { ensure, eventually } from '../lib/checks.js';
import { mentioning } from '../lib/processes.js';
import { Runner, fits } from '../lib/sandboxes.js';

const atOnce = 4;
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

export async function table(checks, runner, cases) {
  const queue = cases.filter(({ only }) => only === undefined || only === runner.name);
  for (const { name } of cases.filter(({ only }) => only !== undefined && only !== runner.name)) {
    checks.skip(`${runner.name}: ${name}`, 'is not about this user');
  }
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await one(checks, runner, next);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

// A case: {name, scopes, make(folder, after), tries: [[attack, expected]...], host(folder, result), only, refused,
// environment}.
async function one(checks, runner, { name, scopes = [], make, tries = [], host, refused, environment }) {
  await checks.test(`${runner.name}: ${name}`, async (after) => {
    const folder = runner.folder();
    after(async () => folder.remove());
    folder.make('@/s', '@/out');
    folder.write('@/out/f', 'outside\n');
    await make?.(folder, after);
    folder.own();
    const args = folder.arguments(scopes, refused ? ['exists /'] : tries.map(([attack]) => attack));
    const result = await runner.command(runner.sandboxed, args, { environment });
    if (refused) {
      ensure(result.status === 125 && refused.test(result.stderr), `not refused so: ${JSON.stringify(result)}`);
    } else {
      compare(tries, result, folder);
    }
    ensure(folder.read('@/out/f') === 'outside\n', 'the file outside was changed');
    await host?.(folder, result);
  }, { seconds: 120 });
}

function compare(tries, { status, stdout, stderr }, folder) {
  const lines = stdout.split('\n');
  const wrong = [];
  tries.forEach(([attack, expected], i) => {
    const line = lines[i]?.trimEnd();
    const text = expected instanceof RegExp ? expected : folder.at(expected);
    if (line === undefined || !fits(line, text)) wrong.push(`${attack}: ${line}, expected ${text}`);
  });
  if (status !== 0) wrong.push(`the sandbox ended with ${status}: ${stderr.slice(-400)}`);
  ensure(wrong.length === 0, wrong.join('\n'));
}
