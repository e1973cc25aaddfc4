// The canary must sing where something does not hold, or its silence would prove nothing: bare, where nothing holds, and
// in sandboxes that were told to hold less.

import { copyFileSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { equal } from '../lib/checks.js';
import { build } from '../lib/programs.js';

const inScopes = ['make_protected_name', 'make_protected_link', 'move_to_protected_name', 'move_protected_folder',
  'write_protected_file', 'make_hook', 'write_through_link', 'write_from_folder', 'write_beside_scope',
  'leave_scope_upwards', 'remove_held_name', 'move_held_name', 'replace_held_file', 'empty_held_file'];

// Of the host, what nothing withholds from a user who runs no sandbox, whatever the host.
const ofTheHost = ['host_file', 'host_loopback', 'unix_sockets', 'capabilities', 'new_privileges', 'no_filter'];

const scopes = ['--rw', '@/c/free', '--staged', '@/c/held'];

const cases = [
  { name: 'is silent where all holds', options: scopes, song: [] },
  { name: 'names the name that is not protected', options: [...scopes, '--protect', '!.envrc'],
    song: ['make_protected_name'] },
  { name: 'names the settings of git that are not protected', options: [...scopes, '--protect', '!.git/config'],
    song: ['write_protected_file', 'write_through_link', 'write_from_folder'] },
  { name: 'names what a scope of the mode rw does not hold', options: ['--rw', '@/c/free', '--rw', '@/c/held'],
    song: ['remove_held_name', 'move_held_name', 'replace_held_file', 'empty_held_file'] },
  { name: 'names a scope that is too wide', options: ['--rw', '@/c'],
    song: ['write_beside_scope', 'leave_scope_upwards', 'remove_held_name', 'move_held_name', 'replace_held_file',
      'empty_held_file'] },
  { name: 'names a file of the host that is shown', options: [...scopes, '--ro', '@/out'], song: ['host_file'] },
  { name: 'does not pass where it may not write at all', options: ['--ro', '@/c'], song: [], status: 3 },
];

export async function canary(checks, runner) {
  const program = join(runner.programs, 'canary');
  copyFileSync(join(build, 'sandbox_canary'), program);
  chmodSync(program, 0o755);
  const sing = (prefix, name, expected) => checks.test(`${runner.name}: the canary ${name}`, async (after) => {
    const folder = prepared(runner);
    after(async () => folder.remove());
    const listener = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    after(async () => listener.close());
    await once(listener, 'listening');
    const words = [...prefix, program, '@/out/f', String(listener.address().port), '@/c'].map((word) => folder.at(word));
    const { stdout, status } = await runner.command(words[0], words.slice(1),
      { environment: { TOOLGATE_KEEP_NOTHING: '1' } });
    expected(stdout.split('\n').filter((line) => line !== ''), status);
  });
  for (const { name, options, song, status } of cases) {
    await sing([runner.sandboxed, ...options, '--program', program, '--'], name, (sung, ended) => {
      equal([sung, ended], [song, status ?? (song.length > 0 ? 1 : 0)], 'the song and its end');
    });
  }
  // Never with the rights of root, with which its attacks on the host would work.
  if (runner.name === 'root') return;
  await sing([], 'names everything where there is no sandbox', (sung, ended) => {
    const expected = [...inScopes, ...ofTheHost];
    equal([sung.filter((attack) => expected.includes(attack)), ended], [expected, 1], 'the song and its end');
  });
}

function prepared(runner) {
  const folder = runner.folder();
  folder.make('@/c/free/.git/hooks', '@/c/held', '@/out');
  for (const name of ['@/c/free/own', '@/c/free/.git/config', '@/c/held/own', '@/out/f']) folder.write(name);
  folder.own();
  return folder;
}
