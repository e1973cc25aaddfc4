// Servers in the tier `vm`: attacks of the suite `escape` from inside of a virtual machine, what goes through its
// pipes, how it ends, and published servers in it through the gateway. It is run by its name alone (`run.js vm`),
// since every machine takes seconds to start where the processor is emulated. Needs qemu-system-x86 and
// linux-image-amd64 (`toolgate doctor`).

import { readFileSync } from 'node:fs';
import { attacks } from '../escape/machine.js';
import { machineLifetimes } from '../escape/machine-lifetimes.js';
import { machineServers } from '../escape/machine-servers.js';
import { ensure, eventually } from '../lib/checks.js';
import { mentioning } from '../lib/processes.js';
import { Runner } from '../lib/sandboxes.js';
import { missingFor } from '../lib/tiers.js';

const ordinaryUser = 64_242;   // nobody's

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const missing = missingFor('vm');
  if (missing) {
    checks.skip('everything', missing);
    return;
  }
  const isRoot = process.getuid() === 0;
  const runners = isRoot ? [new Runner('user', ordinaryUser, 'vm'), new Runner('root', undefined, 'vm')]
    : [new Runner('user', undefined, 'vm')];
  for (const runner of runners) {
    try {
      await attacks(checks, runner);
      if (runner === runners[0]) await machineLifetimes(checks, runner);
    } finally {
      await checks.test(`${runner.name}: nothing is left of it on the host`, async () => {
        await eventually(() => mentioning(runner.base).length === 0, 'no process is left');
        await eventually(() => mentioning('-fsdev local,id=guest').length === 0, 'no machine is left');
        ensure(!readFileSync('/proc/self/mountinfo', 'utf8').includes(runner.base), 'a mount is left');
      });
      await runner.close();
    }
  }
  await machineServers(checks);
}
