// The official MCP conformance suites for servers, run at the fixture server itself and at the gateway in
// front of it, over both kinds of upstream. The gateway must do as well as the server: the results are
// compared check for check, and a difference is accepted only when expected-differences.json gives a reason
// for it. An entry of that file that no longer matches anything fails as well.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ensure } from '../lib/checks.js';
import { differences, ensureAllPass, judge, readExpected, runConformance } from '../lib/conformance.js';
import { Home, local, remote } from '../lib/gateway.js';
import { fixture } from '../lib/programs.js';

// `passing` checks pass at the fixture, and none fails. `skipped` are those that the suite cannot make yet.
// With `direct: true` a suite is run at the fixture only.
const suites = [
  { name: '0.1.16', folder: '@modelcontextprotocol/conformance', args: [], passing: 40 },
  {
    name: '0.2.0-alpha.12 for 2025-11-25', folder: '@modelcontextprotocol/conformance-next',
    args: ['--requirements', '2025-11-25'], passing: 84,
  },
  {
    name: '0.2.0-alpha.12 for 2026-07-28', folder: '@modelcontextprotocol/conformance-next',
    args: ['--requirements', '2026-07-28'], passing: 196,
    skipped: ['tasks-status-notifications / tasks-status-notifications'],
  },
];

// Starts the fixture over HTTP: {url, stop()}.
export const startFixture = (...args) => startFixtureOn('0', ...args);

export const startFixtureOn = (port, ...args) => startServer(fixture, 'http', port, ...args);

// Starts a script that prints `listening URL` when it is ready.
export async function startServer(script, ...args) {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
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

const runSuite = (suite, url) => runConformance(suite.folder, ['server', '--url', url, ...suite.args]);

export async function run(checks, { gateway = true } = {}) {
  const expected = readExpected(checks, 'expected-differences.json');
  const direct = new Map();
  for (const suite of suites) {
    await checks.test(`suite ${suite.name} at the fixture itself`, async (after) => {
      const server = await startFixture();
      after(() => server.stop());
      const outcome = await runSuite(suite, server.url);
      direct.set(suite.name, outcome.results);
      ensureAllPass(outcome, suite.passing, suite.skipped);
    }, { seconds: 120 });
  }
  if (!gateway) return;
  // A fixture of its own, for some tests change its lists: what is approved must be what it begins with.
  for (const suite of suites.filter(({ direct: only }) => !only)) {
    const server = await startFixture();
    try {
      await throughGateway(checks, suite, 'http', remote(server.url, { prefix: '' }), direct, expected);
    } finally {
      await server.stop();
    }
    const stdio = local(process.execPath, [fixture, 'stdio'], { prefix: '' });
    await throughGateway(checks, suite, 'stdio', stdio, direct, expected);
  }
}

async function throughGateway(checks, suite, upstream, entry, direct, expected) {
  await checks.test(`suite ${suite.name} through the gateway, fixture over ${upstream}`, async (after) => {
    const home = await Home.create({ fixture: entry });
    after(() => home.close());
    const serving = await home.serve();
    const { results } = await runSuite(suite, serving.url);
    ensure(direct.has(suite.name), 'there is nothing to compare with: the direct run failed');
    judge(differences(direct.get(suite.name), results),
      expected.filter((one) => one.suite === suite.name && one.upstream === upstream));
  }, { seconds: 180 });
}
