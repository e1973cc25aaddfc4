#!/usr/bin/env node
// What a sandbox costs a server at its start, and in memory: `sandbox-start.js [ROUNDS] [SRT]`. The server is node, and
// the time that to its first byte (start_times.cpp). SRT is the cli.js of the npm package
// @anthropic-ai/sandbox-runtime, to compare with (it needs node 22, rg and socat).

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, chownSync } from 'node:fs';
import { eventually } from './lib/checks.js';
import { descendants } from './lib/processes.js';
import { helperProgram, modernNode } from './lib/programs.js';

const rounds = process.argv[2] ?? '20';
const srt = process.argv[3];
const sandboxed = helperProgram('sandboxed');
const server = ['/usr/bin/node', '-e', 'process.stdout.write("x"); setTimeout(() => {}, 60000)'];

function times(folder) {
  const peer = srt ? [modernNode, srt] : [];
  const { status, error } = spawnSync(helperProgram('start_times'), [rounds, folder, ...peer, '--', ...server],
    { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`start_times ended with ${status}`);
}

function proportionalBytes(pid) {
  return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024;
}

// All that is beneath `sandboxed`, with and without the server itself.
async function memory(scopes) {
  const child = spawn(sandboxed, [...scopes, '--', '/bin/sleep', '30'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const isServer = ({ command }) => command.startsWith('/bin/sleep');
  try {
    await eventually(() => descendants(child.pid).some(isServer), 'the server runs');
    let added = 0;
    for (const process of descendants(child.pid).filter((each) => !isServer(each))) {
      const bytes = proportionalBytes(process.pid);
      console.log(`  ${process.command.slice(0, 40).padEnd(40)} ${(bytes / 1e6).toFixed(2)} MB`);
      added += bytes;
    }
    console.log(`memory added beside the server${scopes.length > 0 ? ' that may write' : ''}: ${
      (added / 1e6).toFixed(2)} MB (Pss)`);
  } finally {
    child.kill('SIGKILL');
  }
}

const folder = mkdtempSync('/var/tmp/toolgate-start-');
try {
  if (process.getuid() === 0) chownSync(folder, 65534, 65534);   // no server writes as root
  times(folder);
  await memory([]);
  await memory(['--rw', folder]);
} finally {
  rmSync(folder, { recursive: true });
}
