// Attacks from inside of a virtual machine: chosen cases of the other tables, some of them joined, since a start is
// dear there, and those that only a machine has. What differs is said beside it.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensure, equal } from '../lib/checks.js';
import { cases as files } from './files.js';
import { cases as kernel } from './kernel.js';
import { cases as names } from './names.js';
import { cases as network } from './network.js';
import { cases as resources } from './resources.js';
import { compare, table } from './table.js';

// 9p knows no flags of renames, no unnamed files and no holes: these are not there, whatever would become of them.
const notIn9p = /^(exchange|rename_no_replace|link_unnamed|punch_hole) /;
// Too slow on an emulated processor.
const slow = /^(race|rename_race) /;

const cases = [...files, ...names, ...network, ...kernel, ...resources];

// Known by how their names begin; an attack that a machine answers in another way is named with its answer.
const chosen = [
  ['F2 '], ['F4 '], ['F10 a file with'], ['F13 '], ['F24 no set-user-id'],
  // A socket in the machine's own memory reaches nobody.
  ['F25 no devices', { 'bind_pair @/s/n': /^denied/, 'bind_pair /tmp/n': /./ }],
  ['F26 '],
  // Of other users' processes nothing is seen.
  ['F27 ', { 'open_to_write /proc/1/oom_score_adj': /^denied/ }],
  ['a program deep in a writable scope'], ['F11 '], ['F14 no-delete: no name disappears'],
  ['F14 staged', { 'rename @/s/folder @/s/f': /^denied/ }], ['F15 staged', { 'unlink @/s/u': 'denied ENOENT' }], ['F16 staged: content is kept before'], ['F16 staged: what cannot'], ['F20 hooks'],
  ['F21 protected names that do not exist yet'], ['F21 keys in a writable'], ['ro in rw'], ['rw in ro'],
];

const own = [
  {
    name: 'no network but a loopback, nobody else\'s sockets', scopes: ['--rw', '@/s'],
    tries: [
      ['connect 192.0.2.1 80', 'denied ENETUNREACH'], ['connect 2001:db8::1 443', 'denied ENETUNREACH'],
      ['send_udp 192.0.2.1 53', 'denied ENETUNREACH'], ['connect 169.254.169.254 80', 'denied ENETUNREACH'],
      ['connect 127.0.0.1 22', /^denied/], ['socket 1 1 0', 'denied EAFNOSUPPORT'],
      ['socket 40 1 0', 'denied EAFNOSUPPORT'], ['socket 17 3 0', 'denied EAFNOSUPPORT'],
      ['list_interfaces', 'succeeded'],
    ],
  },
  {
    name: 'the machine\'s own devices, memory and processes', scopes: ['--rw', '@/s'],
    tries: [
      ['list /sys', 'denied ENOENT'], ['open_to_write /dev/vport0p1', 'denied ENOENT'],
      ['open_to_write /dev/vport1p4', 'denied ENOENT'], ['open_to_write /dev/mem', 'denied ENOENT'],
      ['mknod_character /tmp/n', 'denied EPERM'], ['mount /tmp', 'denied EPERM'], ['chroot /tmp', 'denied EPERM'],
      ['remount_writable /usr', 'denied EPERM'], ['umount /tmp', 'denied EPERM'],
      ['unshare 0x10000000', 'denied EPERM'], ['init_module', 'denied EPERM'], ['kexec', 'denied EPERM'],
      ['ptrace 1', 'denied EPERM'], ['kill 1 9', 'denied EPERM'], ['read /proc/1/environ', /^denied/],
      ['read /proc/kcore', /^denied/], ['read /proc/kmsg', /^denied/], ['syslog', 'denied EPERM'],
      ['has_root', 'denied EPERM'], ['has_groups', 'denied EPERM'], ['status', 'succeeded 0 0 0 0 0 1 2'],
      ['become_root', /^denied (EPERM|EINVAL)$/], ['descriptors', 'denied EBADF'],
      ['read /proc/sys/kernel/hostname', 'succeeded sandbox'], ['io_uring_setup', 'denied ENOSYS'],
      ['bpf', 'denied EPERM'], ['userfaultfd', 'denied EPERM'],
    ],
  },
  {
    name: 'what may be executed', scopes: ['--rw', '@/s', '--exec', '@/x'],
    make: (folder) => folder.shell('mkdir @/x; cp /bin/true @/s/true; cp /bin/true @/x/true'),
    tries: [['execute @/s/true', 'denied EACCES'], ['execute @/x/true', 'succeeded'],
      ['execute /usr/bin/true', 'succeeded'], ['create @/x/new', /^denied/]],
  },
  {
    name: 'nothing of the gateway\'s environment, nothing of the host', scopes: ['--env', 'GIVEN=1'],
    tries: [['environment', /^succeeded (GIVEN|HOME|PATH|PWD|TMPDIR| )+$/],
      ['finds /proc/self/environ not-for-servers', 'denied ENODATA'], ['read /etc/shadow', 'denied ENOENT'],
      ['read /etc/passwd', /^succeeded toolgate:x:/], ['list /root', 'denied ENOENT'], ['read @/out/f', 'denied ENOENT'],
      ['list /boot', 'denied ENOENT'], ['list /run/toolgate', 'succeeded 0'], ['list /guest', 'denied ENOENT']],
  },
  {
    name: 'processes, memory, files and room end at their limits',
    scopes: ['--rw', '@/s', ...['processes=100', 'memory_mb=256', 'file_mb=8', 'open_files=64']
      .flatMap((limit) => ['--limit', limit])],
    tries: [['bomb 20 110', 'denied EAGAIN'], ['bomb 20 110', 'denied EAGAIN'],
      ['take_descriptors 10 64', 'denied EMFILE'], ['fill @/s 8 8', 'denied EFBIG'], ['write_far @/s/a', 'denied EFBIG'],
      ['make_long @/s/b', 'denied EFBIG'], ['lock_memory', 'denied ENOMEM'],
      ['take_memory 10 256', /^(denied ENOMEM|killed SIGKILL)$/], ['exists /', 'succeeded']],
  },
];

export async function attacks(checks, runner) {
  // As root: that nothing in the machine is, and whose the files are.
  const list = runner.user === undefined
    ? [own[1], ...cases.filter(({ only }) => only === 'root').filter(({ name }) => name.startsWith('root: '))]
    : [...own, ...chosen.map(([beginning, answers = {}]) => different(beginning, answers))];
  await table(checks, runner, list, { atOnce: 2, seconds: 180 });
  await beneathPrivateFolder(checks, runner);
}

function different(beginning, answers) {
  const found = cases.filter(({ name }) => name.startsWith(beginning));
  ensure(found.length === 1, `${found.length} cases begin with "${beginning}"`);
  const tries = found[0].tries.filter(([attack]) => !slow.test(attack)).map(([attack, expected]) =>
    [attack, answers[attack] ?? (notIn9p.test(attack) ? /^denied/ : expected)]);
  return { ...found[0], tries };
}

// Beneath /tmp, which is the server's own: what stands above a scope must not be moved, or the scope and its
// protected names would be elsewhere.
async function beneathPrivateFolder(checks, runner) {
  await checks.test(`${runner.name}: a scope beneath /tmp stays where it is`, async (after) => {
    const base = mkdtempSync('/tmp/toolgate-vm-');
    after(async () => rmSync(base, { recursive: true, force: true }));
    chmodSync(base, 0o755);
    mkdirSync(join(base, 'a/s'), { recursive: true });
    writeFileSync(join(base, 'a/s/f'), 'own\n');
    if (runner.user !== undefined) spawnSync('chown', ['-R', `${runner.user}:${runner.user}`, base]);
    const tries = [
      ['create @/a/s/new', 'succeeded'], ['rename @ /tmp/moved', 'denied EBUSY'],
      ['rename @/a @/b', /^denied (EROFS|EACCES|EPERM)$/], ['rename @/a/s @/a/t', /^denied/],
      ['exchange @ /tmp/other', /^denied/], ['mkdir @/a/other', /^denied/], ['create /tmp/fine', 'succeeded'],
      ['create @/a/s/.bashrc', 'denied EPERM'], ['mkdir @/a/s/.git', 'succeeded'],
      ['mkdir @/a/s/.git/hooks', 'denied EPERM'], ['read @/a/s/f', 'succeeded own'],
    ];
    const words = tries.flatMap(([attack]) => ['+', ...attack.replaceAll('@', base).split(' ')]).slice(1);
    const result = await runner.command(runner.sandboxed, [...runner.tier, '--rw', join(base, 'a/s'), '--program',
      runner.escape, '--', runner.escape, ...words]);
    compare(tries, result, base);
    equal(readFileSync(join(base, 'a/s/f'), 'utf8'), 'own\n');
  }, { seconds: 180 });
}
