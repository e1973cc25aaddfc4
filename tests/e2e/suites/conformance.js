// The official MCP conformance suites, run at the fixture server itself and at the gateway in front of it,
// over both kinds of upstream. The gateway must do as well as the server: the results are compared check
// for check, and a difference is accepted only when expected-differences.json gives a reason for it. An
// entry of that file that no longer matches anything fails as well.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensure } from '../lib/checks.js';
import { Home, local, remote } from '../lib/gateway.js';
import { e2eFolder, fixture, modernNode, packageFolder } from '../lib/programs.js';

const suites = [
  { name: '0.1.16', folder: '@modelcontextprotocol/conformance', args: [], passing: 40 },
  {
    name: '0.2.0-alpha.12 for 2025-11-25', folder: '@modelcontextprotocol/conformance-next',
    args: ['--requirements', '2025-11-25'], passing: 84,
  },
];

// Starts the fixture over HTTP: {url, stop()}.
export async function startFixture(...args) {
  const child = spawn(process.execPath, [fixture, 'http', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const died = exited.then(([status]) => Promise.reject(new Error(`the fixture ended with status ${status}`)));
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), died]);
  died.catch(() => {});   // from now on its end is no surprise
  return {
    url: line.replace('listening ', ''),
    process: child,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

// Runs one suite at a URL: a map from "scenario / check" to the statuses that it got, in order.
async function runSuite(suite, url) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-conformance-'));
  try {
    const program = join(packageFolder(suite.folder), 'dist', 'index.js');
    const child = spawn(modernNode, [program, 'server', '--url', url, ...suite.args, '-o', folder],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    await once(child, 'close');
    return { results: readResults(folder), output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readResults(folder) {
  const results = new Map();
  for (const entry of readdirSync(folder)) {
    const scenario = entry.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const { id, status, errorMessage } of JSON.parse(readFileSync(join(folder, entry, 'checks.json'), 'utf8'))) {
      const key = `${scenario} / ${id}`;
      const known = results.get(key) ?? { statuses: [], errors: [] };
      known.statuses.push(status);
      if (errorMessage) known.errors.push(errorMessage);
      results.set(key, known);
    }
  }
  return results;
}

function count(results, status) {
  return [...results.values()].flatMap(({ statuses }) => statuses).filter((it) => it === status).length;
}

// [{check, direct, gateway, errors}]: where the gateway's results are not the server's.
function differences(direct, gateway) {
  const found = [];
  for (const check of new Set([...direct.keys(), ...gateway.keys()])) {
    const before = (direct.get(check)?.statuses ?? []).join(' ') || 'absent';
    const after = (gateway.get(check)?.statuses ?? []).join(' ') || 'absent';
    const errors = gateway.get(check)?.errors ?? [];
    if (before !== after) found.push({ check, direct: before, gateway: after, errors });
  }
  return found;
}

// Takes the expected differences out of `found`; what is left on either side is a failure.
function judge(found, expected) {
  const same = (one, other) => ['check', 'direct', 'gateway'].every((key) => one[key] === other[key]);
  const unexpected = found.filter((one) => !expected.some((other) => same(one, other)));
  const stale = expected.filter((one) => !found.some((other) => same(one, other)));
  const lines = [
    ...unexpected.map(({ check, direct, gateway, errors }) =>
      `${check}: direct ${direct}, gateway ${gateway} ${errors.join('; ')}`),
    ...stale.map(({ check, direct, gateway }) =>
      `expected-differences.json lists "${check}: direct ${direct}, gateway ${gateway}", which no longer happens`),
  ];
  ensure(lines.length === 0, lines.join('\n'));
}

export async function run(checks, { gateway = true } = {}) {
  const expected = JSON.parse(readFileSync(join(e2eFolder, 'expected-differences.json'), 'utf8'));
  for (const entry of expected) checks.record(`expected difference ${entry.check} has a reason`,
    typeof entry.reason === 'string' && entry.reason.length > 20 ? undefined : 'the reason is missing');
  const direct = new Map();
  const server = await startFixture();
  try {
    for (const suite of suites) {
      await checks.test(`suite ${suite.name} at the fixture itself`, async () => {
        const { results, output } = await runSuite(suite, server.url);
        direct.set(suite.name, results);
        const failed = count(results, 'FAILURE') + count(results, 'WARNING') + count(results, 'SKIPPED');
        ensure(failed === 0, `${failed} checks of the fixture do not pass:\n${output.slice(-3000)}`);
        ensure(count(results, 'SUCCESS') === suite.passing,
          `${count(results, 'SUCCESS')} checks pass instead of ${suite.passing}`);
      }, { seconds: 120 });
    }
    if (!gateway) return;
    const upstreams = {
      http: remote(server.url, { prefix: '' }),
      stdio: local(process.execPath, [fixture, 'stdio'], { prefix: '' }),
    };
    for (const [upstream, entry] of Object.entries(upstreams)) {
      await throughGateway(checks, upstream, entry, direct, expected);
    }
  } finally {
    await server.stop();
  }
}

async function throughGateway(checks, upstream, entry, direct, expected) {
  let home;
  let serving;
  const ready = await checks.test(`the gateway starts before a fixture over ${upstream}`, async () => {
    home = await Home.create({ fixture: entry });
    serving = await home.serve();
  });
  for (const suite of ready ? suites : []) {
    await checks.test(`suite ${suite.name} through the gateway, fixture over ${upstream}`, async () => {
      const { results } = await runSuite(suite, serving.url);
      ensure(direct.has(suite.name), 'there is nothing to compare with: the direct run failed');
      judge(differences(direct.get(suite.name), results),
        expected.filter((entry) => entry.suite === suite.name && entry.upstream === upstream));
    }, { seconds: 180 });
  }
  await home?.close();
}
