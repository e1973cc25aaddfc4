#!/usr/bin/env node
// Runs the end-to-end suites: `run.js [--direct] [SUITE...]`, without a name all but those that are run by name only.
// --direct leaves out what needs the gateway, to check the fixtures themselves. The last line is `e2e: N passed, N failed`.

import { existsSync } from 'node:fs';
import { Checks } from './lib/checks.js';
import { toolgate } from './lib/programs.js';

const all = [
  'fixture', 'conformance', 'conformance-client', 'servers', 'verbatim', 'features', 'http', 'config', 'freeze', 'frozen',
  'hostile', 'misbehaving', 'harnesses', 'probe', 'matrix', 'stateless', 'skills', 'load', 'round-robin', 'paths', 'staged',
  'custody', 'loss', 'escape', 'signatures', 'approvals-bind', 'sightings', 'mutation', 'pretrust', 'keys',
];
// They need what the quickstart does not install.
const byNameOnly = ['gvisor', 'vm'];
const words = process.argv.slice(2);
const gateway = !words.includes('--direct');
const named = words.filter((word) => !word.startsWith('--'));
const unknown = named.filter((name) => ![...all, ...byNameOnly].includes(name));
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}; there are ${[...all, ...byNameOnly].join(', ')}`);
  process.exit(2);
}
if (gateway && !existsSync(toolgate)) {
  console.error(`${toolgate} is missing: cmake --preset release && cmake --build --preset release`);
  process.exit(1);
}

let passed = 0;
let failed = 0;
for (const name of named.length > 0 ? named : all) {
  const checks = new Checks(name);
  const { run } = await import(`./suites/${name}.js`);
  try {
    await run(checks, { gateway, full: words.includes('--full') });
  } catch (error) {
    checks.record('the suite runs to its end', error.stack);
  }
  const skipped = checks.skipped > 0 ? `, ${checks.skipped} skipped` : '';
  console.log(`${name}: ${checks.passed} passed, ${checks.failed} failed${skipped}`);
  passed += checks.passed;
  failed += checks.failed;
}
console.log(`e2e: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
