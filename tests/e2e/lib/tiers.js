// Which tiers of a sandbox this machine can have: two of them need what the quickstart does not install.

import { existsSync, readdirSync } from 'node:fs';

const hasKernel = () => existsSync('/boot') && readdirSync('/boot').some((name) => name.startsWith('vmlinuz-'));

// What would have to be installed for it; nothing where it is there.
export function missingFor(tier) {
  if (tier === 'gvisor' && !existsSync('/usr/bin/runsc')) return 'runsc is missing: apt-get install runsc';
  if (tier === 'vm' && !(existsSync('/usr/bin/qemu-system-x86_64') && hasKernel())) {
    return 'apt-get install --no-install-recommends qemu-system-x86 linux-image-amd64';
  }
  return undefined;
}
