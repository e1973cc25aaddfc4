// Looking at processes through /proc: who lives, who descends from whom, how much memory one holds.

import { readdirSync, readFileSync } from 'node:fs';

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;   // gone in the meantime
  }
}

// [{pid, parent, command}] of all processes that are alive; zombies are not.
export function processes() {
  const found = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = readProc(name, 'stat');
    const command = readProc(name, 'cmdline');
    if (status === undefined || command === undefined) continue;
    const [state, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') continue;
    found.push({ pid: Number(name), parent: Number(parent), command: command.replaceAll('\0', ' ').trim() });
  }
  return found;
}

// All that descend from a process, itself not included.
export function descendants(pid) {
  const all = processes();
  const found = [];
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

export function isAlive(pid) {
  return processes().some((process) => process.pid === pid);
}

// Those whose command line mentions `mark`, without the test program itself.
export function mentioning(mark) {
  return processes().filter(({ pid, command }) => pid !== process.pid && command.includes(mark));
}

export function residentBytes(pid) {
  const pages = readProc(pid, 'statm')?.split(' ')[1];
  return pages === undefined ? 0 : Number(pages) * 4096;
}
