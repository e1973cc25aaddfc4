// The scenarios of the official MCP conformance suite that test clients, played by the client of the fixture
// folder, directly and with the gateway in between. The scenario's server then talks to the gateway, which
// must do as well as the client: an accepted difference has a reason in expected-client-differences.json.
// Scenarios of authorization are left out: a gateway is a client of its own there, not a way to the server.
//
// The gateway connects more often than the client does, first of all for `review`. So what is compared is
// which outcomes a check had, not how often it was made, nor what the suite only noted (INFO).

import { ensure } from '../lib/checks.js';
import { differences, ensureAllPass, judge, readExpected, runConformance } from '../lib/conformance.js';

const legacy = '2025-11-25';
const modern = '2026-07-28';

// Of every scenario: its name, how many checks pass directly, and the check that is skipped in part.
// The revisions of `throughGateway` are those that the gateway speaks.
const throughGateway = [legacy, modern];
const scenarios = {
  [legacy]: [
    ['initialize', 1], ['tools_call', 2], ['elicitation-sep1034-client-defaults', 5], ['sse-retry', 3],
    ['json-schema-2020-12-preservation', 9],
  ],
  [modern]: [
    ['tools_call', 2], ['request-metadata', 8], ['sep-2322-client-request-state', 6],
    ['http-standard-headers', 9, 'http-standard-headers / sep-2243-client-includes-standard-headers'],
    ['http-custom-headers', 18], ['http-invalid-tool-headers', 12], ['json-schema-ref-no-deref', 1],
    ['json-schema-2020-12-preservation', 9],
  ],
};

async function play(program, scenario, revision) {
  return runConformance('@modelcontextprotocol/conformance-next', [
    'client', '--command', `${process.execPath} ${program}`, '--scenario', scenario, '--spec-version', revision,
    '--timeout', '60000',
  ]);
}

function outcomes(results) {
  const kept = [...results].map(([check, { statuses, errors }]) =>
    [check, { statuses: [...new Set(statuses)].filter((status) => status !== 'INFO').sort(), errors }]);
  return new Map(kept.filter(([, { statuses }]) => statuses.length > 0));
}

export async function run(checks, { gateway = true } = {}) {
  const expected = readExpected(checks, 'expected-client-differences.json');
  for (const [revision, played] of Object.entries(scenarios)) {
    for (const [scenario, passing, skipped] of played) {
      let direct;
      await checks.test(`${scenario} for ${revision}, directly`, async () => {
        const outcome = await play('fixture/client.js', scenario, revision);
        direct = outcome.results;
        ensureAllPass(outcome, passing, [skipped]);
      }, { seconds: 90 });
      if (!gateway || !throughGateway.includes(revision)) continue;
      await checks.test(`${scenario} for ${revision}, through the gateway`, async () => {
        const { results, output } = await play('fixture/client-through-gateway.js', scenario, revision);
        ensure(results.size > 0, `the suite found nothing:\n${output.slice(-3000)}`);
        ensure(direct, 'there is nothing to compare with: the direct run failed');
        judge(differences(outcomes(direct), outcomes(results)), expected.filter((entry) =>
          entry.revision === revision && entry.check.startsWith(`${scenario} / `)));
      }, { seconds: 120 });
    }
  }
}
