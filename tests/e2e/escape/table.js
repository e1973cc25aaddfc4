// A table of attacks, each case in a sandbox of its own.

import { ensure } from '../lib/checks.js';
import { fits } from '../lib/sandboxes.js';

// How many sandboxes there are at a time, and how long one may take.
const usual = { atOnce: 4, seconds: 120 };

export async function table(checks, runner, cases, how = {}) {
  const { atOnce, seconds } = { ...usual, ...how };
  const queue = cases.filter(({ only }) => only === undefined || only === runner.name);
  for (const { name } of cases.filter(({ only }) => only !== undefined && only !== runner.name)) {
    checks.skip(`${runner.name}: ${name}`, 'is not about this user');
  }
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await one(checks, runner, next, seconds);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

// A case: {name, scopes, make(folder, after), tries: [[attack, expected]...], host(folder, result), only, refused,
// environment}.
async function one(checks, runner, { name, scopes = [], make, tries = [], host, refused, environment }, seconds) {
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
      compare(tries, result, folder.path);
    }
    ensure(folder.read('@/out/f') === 'outside\n', 'the file outside was changed');
    await host?.(folder, result);
  }, { seconds });
}

export function compare(tries, { status, stdout, stderr }, path) {
  const lines = stdout.split('\n');
  const wrong = [];
  tries.forEach(([attack, expected], i) => {
    const line = lines[i]?.trimEnd();
    const text = expected instanceof RegExp ? expected : expected.replaceAll('@', path);
    if (line === undefined || !fits(line, text)) wrong.push(`${attack}: ${line}, expected ${text}`);
  });
  if (status !== 0) wrong.push(`the sandbox ended with ${status}: ${stderr.slice(-400)}`);
  ensure(wrong.length === 0, wrong.join('\n'));
}
