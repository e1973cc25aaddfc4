#!/usr/bin/env node
// What a sandbox costs a server at its start, and in memory: `sandbox-start.js [STARTS] [SRT]`. Medians and least
// values of `node -e 0`, in turns, so that a busy machine is busy for all of them. SRT is the cli.js of the npm package
// @anthropic-ai/sandbox-runtime, to compare with (it needs node 22, rg and socat).
//
// `sandboxed` itself starts twice (a program and its keeper), which a running gateway does not; how much that is
// shows a start that is refused before the sandbox is made.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { eventually } from './lib/checks.js';
import { descendants } from './lib/processes.js';
import { helperProgram, modernNode } from './lib/programs.js';

const starts = Number(process.argv[2] ?? 20);
const srt = process.argv[3];
const sandboxed = helperProgram('sandboxed');
const node = '/usr/bin/node';   // one that is in every sandbox

const kinds = {
  'bare': [node, '-e', '0'],
  'sandboxed': [sandboxed, '--', node, '-e', '0'],
  'sandboxed, refused': [sandboxed, '--ro', '/proc', '--', node],
  '/bin/true': ['/bin/true'],
  '/bin/true, sandboxed': [sandboxed, '--', '/bin/true'],
  ...(srt ? { 'sandbox-runtime': [modernNode, srt, node, '-e', '0'] } : {}),
};

function once([program, ...args]) {
  const begin = process.hrtime.bigint();
  const { error, status } = spawnSync(program, args, { stdio: 'ignore', env: { PATH: '/usr/bin:/bin' } });
  if (error) throw error;
  return { ms: Number(process.hrtime.bigint() - begin) / 1e6, status };
}

const times = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]));
for (let i = 0; i < starts; ++i) {
  for (const [name, command] of Object.entries(kinds)) {
    const { ms, status } = once(command);
    if (status !== (name.endsWith('refused') ? 125 : 0)) throw new Error(`${name} ended with ${status}`);
    times[name].push(ms);
  }
}
for (const [name, list] of Object.entries(times)) {
  list.sort((one, other) => one - other);
  console.log(`${name.padEnd(22)} median ${list[list.length >> 1].toFixed(1)} ms, least ${list[0].toFixed(1)} ms`);
}

function proportionalBytes(pid) {
  return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024;
}

// All that is beneath `sandboxed`, with and without the server itself.
async function memory() {
  const child = spawn(sandboxed, ['--', '/bin/sleep', '30'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const isServer = ({ command }) => command.startsWith('/bin/sleep');
  try {
    await eventually(() => descendants(child.pid).some(isServer), 'the server runs');
    let added = 0;
    for (const process of descendants(child.pid).filter((each) => !isServer(each))) {
      const bytes = proportionalBytes(process.pid);
      console.log(`  ${process.command.slice(0, 40).padEnd(40)} ${(bytes / 1e6).toFixed(2)} MB`);
      added += bytes;
    }
    console.log(`memory added beside the server: ${(added / 1e6).toFixed(2)} MB (Pss)`);
  } finally {
    child.kill('SIGKILL');
  }
}

await memory();
