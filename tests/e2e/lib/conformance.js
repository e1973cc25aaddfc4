// Runs the official conformance suites, and compares what they found in two runs, check for check.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure } from './checks.js';
import { e2eFolder, modernNode, packageFolder } from './programs.js';

// Runs a suite's program in this folder: {results, output, status}, where the results map "scenario / check" to the
// {statuses, errors} that it got, in order. A program that is not done in time is killed.
export async function runConformance(packageName, args, { seconds = 120 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-conformance-'));
  try {
    const program = join(packageFolder(packageName), 'dist', 'index.js');
    const child = spawn(modernNode, [program, ...args, '-o', folder],
      { cwd: e2eFolder, stdio: ['ignore', 'pipe', 'pipe'], timeout: seconds * 1000, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    const [status] = await once(child, 'close');
    return { results: readResults(folder), output, status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Each scenario has a folder of its own.
function readResults(folder) {
  const results = new Map();
  for (const entry of readdirSync(folder)) {
    const scenario = entry.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const { id, status, errorMessage } of JSON.parse(readFileSync(join(folder, entry, 'checks.json'), 'utf8'))) {
      const known = results.get(`${scenario} / ${id}`) ?? { statuses: [], errors: [] };
      known.statuses.push(status);
      if (errorMessage) known.errors.push(errorMessage);
      results.set(`${scenario} / ${id}`, known);
    }
  }
  return results;
}

export function count(results, status) {
  return [...results.values()].flatMap(({ statuses }) => statuses).filter((it) => it === status).length;
}

// Fails unless so many checks pass, none fails, and none is skipped but those in `skipped`.
export function ensureAllPass({ results, output }, passing, skipped = []) {
  const bad = [...results].filter(([check, { statuses }]) => statuses.some((status) =>
    ['FAILURE', 'WARNING'].includes(status) || (status === 'SKIPPED' && !skipped.includes(check))));
  const lines = bad.map(([check, { statuses, errors }]) => `${check}: ${statuses.join(' ')} ${errors.join('; ')}`);
  ensure(lines.length === 0, `${lines.join('\n')}\n${output.slice(-3000)}`);
  ensure(count(results, 'SUCCESS') === passing, `${count(results, 'SUCCESS')} checks pass instead of ${passing}`);
}

// [{check, direct, gateway, errors}]: where the gateway's results are not those of the direct run.
export function differences(direct, gateway) {
  const found = [];
  for (const check of new Set([...direct.keys(), ...gateway.keys()])) {
    const before = (direct.get(check)?.statuses ?? []).join(' ') || 'absent';
    const after = (gateway.get(check)?.statuses ?? []).join(' ') || 'absent';
    const errors = gateway.get(check)?.errors ?? [];
    if (before !== after) found.push({ check, direct: before, gateway: after, errors });
  }
  return found;
}

// The differences that a file of this folder expects, each with a reason.
export function readExpected(checks, file) {
  const expected = JSON.parse(readFileSync(join(e2eFolder, file), 'utf8'));
  for (const { check, reason } of expected) checks.record(`expected difference ${check} has a reason`,
    typeof reason === 'string' && reason.length > 20 ? undefined : 'the reason is missing');
  return expected;
}

// Takes the expected differences out of `found`; what is left on either side is a failure.
export function judge(found, expected) {
  const same = (one, other) => ['check', 'direct', 'gateway'].every((key) => one[key] === other[key]);
  const unexpected = found.filter((one) => !expected.some((other) => same(one, other)));
  const stale = expected.filter((one) => !found.some((other) => same(one, other)));
  const lines = [
    ...unexpected.map(({ check, direct, gateway, errors }) =>
      `${check}: direct ${direct}, gateway ${gateway} ${errors.join('; ')}`),
    ...stale.map(({ check, direct, gateway }) =>
      `"${check}: direct ${direct}, gateway ${gateway}" is expected, but no longer happens`),
  ];
  ensure(lines.length === 0, lines.join('\n'));
}
