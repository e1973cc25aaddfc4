// Files: what a server reads and writes beyond its scopes, and in them beyond their mode.

import { statSync, writeFileSync } from 'node:fs';
import { ensure, equal } from '../lib/checks.js';

const rw = ['--rw', '@/s'];
const ro = ['--ro', '@/s'];
const keep = ['--keep', '@/s'];
const owned = (folder) => folder.write('@/s/f', 'own\n');

// Of the read-only /proc, or of the kernel before that; some kernels have not all of them.
const readOnly = /^denied (EROFS|EACCES|ENOENT)$/;

const unchanged = (folder) => equal(folder.read('@/s/f'), 'own\n', '@/s/f');

function noSpecialBits(folder) {
  folder.shell('test -z "$(find @/s -perm /6000 -o -type b -o -type c -o -type p -o -type s)"');
}

// What must be denied with these bits however a file is made or changed.
function specialModes(mode) {
  return [
    [`chmod @/s/f ${mode}`, 'denied EPERM'], [`fchmod @/s/f ${mode}`, 'denied EPERM'],
    [`fchmodat2 @/s/f ${mode}`, 'denied EPERM'], [`chmod_high_bits @/s/f ${mode}`, 'denied EPERM'],
    [`open_mode @/s/n1 ${mode}`, 'denied EPERM'], [`creat_mode @/s/n2 ${mode}`, 'denied EPERM'],
    [`openat2_mode @/s/n3 ${mode}`, 'denied ENOSYS'], [`tmpfile_mode @/s ${mode}`, 'denied EPERM'],
  ];
}

// ioctl(2) on a folder, by the number of what it is asked for.
function asked(requests, expected) {
  return requests.map(([number]) => [`ioctl @/s 0x${number.toString(16)}`, expected]);
}

export const cases = [
  {
    name: 'F1 keys and accounts of the host are not there',
    make: (folder) => folder.write('@/out/.ssh/id', 'SECRET\n'),
    tries: [
      ['read /etc/shadow', 'denied ENOENT'], ['read @/out/.ssh/id', 'denied ENOENT'], ['list /root', 'denied ENOENT'],
      ['read /etc/passwd', /^succeeded toolgate:x:/], ['list /home', 'denied EACCES'], ['list /var', /^denied/],
      ['read /run/docker.sock', 'denied ENOENT'], ['list /sys', 'denied ENOENT'], ['list /', 'denied EACCES'],
    ],
  },
  {
    name: 'F2 forty times ".." ends in the root of the sandbox', scopes: rw, make: owned,
    tries: [
      ['climb @/s etc/shadow', 'denied ENOENT'], ['climb @/s etc/passwd', /^succeeded toolgate/],
      ['read @/s/../out/f', 'denied ENOENT'], ['climb /proc/self/root etc/shadow', 'denied ENOENT'],
    ],
  },
  {
    name: 'F3 a link to a file of the host, read', scopes: rw,
    tries: [
      ['read_through_link /etc/shadow @/s/l', 'denied ENOENT'], ['read_through_link @/out/f @/s/m', 'denied ENOENT'],
      ['read_through_link /proc/1/root/etc/shadow @/s/n', /^denied (EACCES|ENOENT)$/],
    ],
  },
  {
    name: 'F4 a relative link out of the scope, written', scopes: rw,
    tries: [
      ['write_through_link ../out/f @/s/l', 'denied ENOENT'], ['write_through_link ../out/new @/s/m', /^denied/],
      ['write_through_link /usr/bin/new @/s/n', /^denied (EROFS|EACCES)$/],
    ],
    host: (folder) => ensure(!folder.exists('@/out/new'), 'a file was made outside'),
  },
  {
    name: 'F5 ten links, of which the last leaves the scope', scopes: rw,
    tries: [['read_through_chain @/out/f @/s/l', 'denied ENOENT']],
  },
  {
    name: 'a link that the host made, out of the scope', scopes: rw,
    make: (folder) => folder.shell('ln -s @/out @/s/l; ln -s ../out/f @/s/m'),
    tries: [
      ['read @/s/l/f', 'denied ENOENT'], ['write @/s/m', 'denied ENOENT'], ['list @/s/l', 'denied ENOENT'],
      ['create @/s/l/new', 'denied ENOENT'],
    ],
  },
  {
    name: 'F6 a directory and a link swapped while entered, 100,000 times', scopes: rw,
    tries: [['race @/s @/out 100000', 'denied EACCES']],
  },
  {
    name: 'F7 the scope is a link by now', scopes: rw, refused: /symbolic link/,
    make: (folder) => folder.shell('rmdir @/s; ln -s @/out @/s'),
  },
  {
    name: 'F8 the folder above the scope is a link by now', scopes: ['--rw', '@/a/b'], refused: /symbolic link/,
    make: (folder) => folder.shell('mkdir @/out/b; ln -s @/out @/a'),
  },
  {
    name: 'F9 ways round over /proc', scopes: ro, make: owned,
    tries: [
      ['read /proc/1/root/etc/hostname', 'denied EACCES'], ['list /proc/1/cwd/', 'denied EACCES'],
      ['read /proc/self/root/etc/shadow', 'denied ENOENT'], ['reopen @/s/f', /^denied (EROFS|EACCES)$/],
      ['read /proc/1/environ', /^denied/], ['list /proc/1/fd', /^(denied|succeeded)/],
      ['open_to_write /proc/1/mem', /^denied/],
      ['read_neighbours', 'denied EACCES'],
    ],
    host: unchanged,
  },
  {
    name: 'F9 reopened from O_PATH: a file of a no-delete scope is what it is', scopes: keep, make: owned,
    tries: [['reopen @/s/f', 'succeeded'], ['reopen /etc/passwd', /^denied (EROFS|EACCES)$/]],
  },
  {
    name: 'F10 a file with a second name outside cannot be written', scopes: rw,
    make: (folder) => folder.shell('ln @/out/f @/s/f; mkdir @/s/d; ln @/out/f @/s/d/g'),
    tries: [
      ['read @/s/f', 'succeeded outside'], ['write @/s/f', 'denied EROFS'], ['append @/s/d/g', 'denied EROFS'],
      ['truncate @/s/f', 'denied EROFS'], ['chmod @/s/f 777', 'denied EROFS'], ['rename @/s/f @/s/g', 'denied EBUSY'],
      ['rename @/s/d @/s/e', 'denied EBUSY'], ['unlink @/s/f', 'denied EBUSY'], ['link @/s/f @/s/h', 'denied EXDEV'],
    ],
  },
  {
    name: 'F10 both names in the scope: it is a file like any other', scopes: rw,
    make: (folder) => folder.shell('echo own > @/s/f; ln @/s/f @/s/g'), tries: [['append @/s/g', 'succeeded']],
    host: (folder) => equal(folder.read('@/s/f'), 'own\nattack\n'),
  },
  {
    name: 'F10 a scope that is a file with a second name', scopes: ['--rw', '@/s/f'], refused: /second name/,
    make: (folder) => folder.shell('ln @/out/f @/s/f'),
  },
  {
    name: 'F13 ro: nothing of a file changes', scopes: ro, make: owned,
    tries: [
      ['read @/s/f', 'succeeded own'], ['write @/s/f', 'denied EROFS'], ['append @/s/f', 'denied EROFS'],
      ['open_truncating @/s/f', 'denied EROFS'], ['truncate @/s/f', /^denied (EROFS|EACCES)$/],
      ['chmod @/s/f 777', 'denied EROFS'], ['utimes @/s/f', 'denied EROFS'], ['setxattr @/s/f', 'denied EROFS'],
      ['map_and_write @/s/f', 'denied EROFS'], ['map_then_protect @/s/f', 'denied EACCES'],
      ['punch_hole @/s/f', 'denied EROFS'], ['create @/s/new', /^denied (EROFS|EACCES)$/],
      ['unlink @/s/f', /^denied (EROFS|EACCES)$/], ['rename @/s/f @/s/g', /^denied (EROFS|EACCES)$/],
      ['mkdir @/s/d', /^denied (EROFS|EACCES)$/], ['lease @/s/f', 'denied EPERM'],
      ['file_setattr @/s/f', 'denied EPERM'],
    ],
    host: unchanged,
  },
  {
    name: 'F24 no set-user-id bits', scopes: rw, make: owned, tries: specialModes('4755'), host: noSpecialBits,
  },
  {
    name: 'F24 no set-group-id bits', scopes: rw, make: owned,
    tries: [...specialModes('2755'), ['mkdir_mode @/s/d 2755', 'succeeded 755'], ['mknod_file @/s/n', 'denied EPERM']],
    host: noSpecialBits,
  },
  {
    name: 'F24 no capabilities and no owner for a file', scopes: rw, make: owned,
    tries: [['set_file_capability @/s/f', 'denied EPERM'], ['chown_root @/s/f', /^denied (EPERM|EINVAL)$/]],
    host: unchanged,
  },
  {
    name: 'F25 no devices, no fifos, no sockets', scopes: rw, make: owned,
    tries: [
      ['mknod_character @/s/n', 'denied EPERM'], ['mknod_block @/s/n', 'denied EPERM'],
      ['mknod_whiteout @/s/n', 'denied EPERM'], ['mkfifo @/s/n', 'denied EPERM'], ['bind_pair @/s/n', 'denied EACCES'],
      ['mknod_character /tmp/n', 'denied EPERM'], ['mkfifo /dev/shm/n', 'denied EPERM'],
      ['bind_pair /tmp/n', 'denied EACCES'],
    ],
    host: noSpecialBits,
  },
  {
    name: 'F25 a fifo of the host is not written to in a ro scope, not even in a writable one',
    scopes: ['--rw', '@/s', '--ro', '@/s/r'],
    make: (folder) => folder.shell('mkdir @/s/r; mkfifo @/s/r/p; (exec 3<>@/s/r/p; sleep 20) & true'),
    tries: [['open_to_write @/s/r/p', /^denied (EROFS|EACCES)$/], ['read @/s/r/p', 'succeeded']],
  },
  {
    name: 'F26 the system is not written to', scopes: rw,
    tries: [
      ['create /usr/bin/escape', /^denied (EROFS|EACCES)$/], ['create /etc/escape', /^denied (EROFS|EACCES)$/],
      ['create /escape', /^denied (EROFS|EACCES)$/], ['create /run/escape', /^denied (EROFS|EACCES)$/],
      ['create /dev/escape', /^denied (EROFS|EACCES)$/], ['create /proc/escape', /^denied (ENOENT|EROFS|EACCES)$/],
      ['write /etc/passwd', 'denied EACCES'], ['unlink /etc/passwd', /^denied (EBUSY|EACCES|EROFS)$/],
      ['open_to_write /bin/sh', 'denied EACCES'], ['create /run/toolgate/escape', /^denied (EROFS|EACCES)$/],
      ['create @/escape', /^denied (EROFS|EACCES)$/], ['chmod /usr/bin/env 777', 'denied EROFS'],
      ['setxattr /etc/hosts', 'denied EROFS'],
    ],
  },
  {
    name: 'F27 switches of the kernel',
    tries: [
      ['open_to_write /proc/sys/kernel/core_pattern', readOnly], ['open_to_write /proc/sysrq-trigger', readOnly],
      ['open_to_write /proc/sys/kernel/modprobe', readOnly], ['open_to_write /proc/1/oom_score_adj', 'denied EROFS'],
      ['open_to_write /proc/self/uid_map', readOnly], ['open_to_write /proc/self/oom_score_adj', readOnly],
      ['open_to_write /proc/sys/net/ipv4/ip_forward', readOnly],
      ['open_to_write /proc/sys/user/max_user_namespaces', readOnly],
      ['open_to_write /proc/sys/kernel/hostname', readOnly], ['open_to_write /proc/timer_list', /^denied/],
      ['read /proc/kcore', /^denied/], ['read /proc/kmsg', /^denied/],
    ],
  },
  {
    name: 'F28 what is mounted within a scope has its mode or is not seen', scopes: ro, only: 'root',
    make: (folder, after) => {
      folder.shell('mkdir @/s/m; mount -t tmpfs none @/s/m; echo own > @/s/m/f; chmod 777 @/s/m @/s/m/f');
      after(async () => folder.shell('umount @/s/m'));
    },
    tries: [['write @/s/m/f', /^denied/], ['create @/s/m/new', /^denied/], ['chmod @/s/m 700', /^denied/]],
    host: (folder) => equal(folder.read('@/s/m/f'), 'own\n'),
  },
  {
    name: 'F29 flags, handles and leases of files', scopes: rw, make: owned,
    tries: [
      ['set_flags @/s/f', 'denied ENOTTY'], ['set_flags_high_bits @/s/f', 'denied ENOTTY'],
      ...asked([[0x5000940e, 'a subvolume of btrfs'], [0x50009401, 'a snapshot'], [0x50009417, 'the same'],
        [0x5000940f, 'a subvolume that goes'], [0x4020bc10, 'a subvolume of bcachefs'], [2, 'FIGETBSZ, which ext4 has']],
      'denied ENOTTY'),
      ...asked([[0x80086601, 'FS_IOC_GETFLAGS'], [0x541b, 'FIONREAD']], /^(succeeded|denied (ENOTTY|EOPNOTSUPP))/),
      ['file_setattr @/s/f', 'denied EPERM'], ['name_to_handle @/s/f', 'denied EPERM'],
      ['open_by_handle @/s', 'denied EPERM'], ['lease @/s/f', 'denied EPERM'],
    ],
  },
  {
    name: 'F30 odd names stay within the scope', scopes: rw, make: owned,
    tries: [
      ['read @/s/./../s//f', 'succeeded own'], ['read @/s/%2e%2e/out/f', 'denied ENOENT'],
      ['create @/s/\n', 'succeeded'], ['create @/s/\\..\\x', 'succeeded'],
      [`create @/s/${'x'.repeat(255)}`, 'succeeded'],
      [`read @/s/${'./'.repeat(2048)}f`, 'denied ENAMETOOLONG'],
    ],
  },
  {
    name: 'F32 the launcher and the own program are not changed', scopes: ['--rw', '@/s', '--program', '@/s/server'],
    make: (folder) => folder.write('@/s/server/main.js', 'own\n', 0o755),
    tries: [
      ['unlink /run/toolgate/launcher', /^denied (EBUSY|EACCES|EROFS)$/],
      ['write /run/toolgate/launcher', /^denied (EROFS|ETXTBSY|EACCES)$/],
      ['write @/s/server/main.js', 'denied EROFS'], ['unlink @/s/server/main.js', 'denied EROFS'],
      ['rename @/s/server @/s/other', 'denied EBUSY'], ['create @/s/server/new', 'denied EROFS'],
      ['exchange @/s/server @/s/x', /^denied (EBUSY|ENOENT)$/], ['link @/s/server/main.js @/s/x', 'denied EXDEV'],
      ['create @/s/fine', 'succeeded'],
    ],
    host: (folder) => equal(folder.read('@/s/server/main.js'), 'own\n'),
  },
  {
    name: 'a program deep in a writable scope keeps its folders', scopes: ['--rw', '@/s', '--program', '@/s/a/b/run'],
    make: (folder) => folder.write('@/s/a/b/run', 'own\n', 0o755),
    tries: [
      ['rename @/s/a @/s/z', 'denied EBUSY'], ['rename @/s/a/b @/s/z', /^denied (EBUSY|EXDEV)$/],
      ['unlink @/s/a/b/run', 'denied EBUSY'], ['write @/s/a/b/run', 'denied EROFS'],
      ['create @/s/a/b/new', 'succeeded'],
    ],
  },
  {
    name: 'known gap: a scope that is the whole program: who grants it writable grants the program',
    scopes: ['--rw', '@/s', '--program', '@/s'], make: owned, tries: [['append @/s/f', 'succeeded']],
  },
  {
    name: 'files of another user in a scope stay as they are', scopes: rw, only: 'root',
    make: (folder) => folder.shell('echo own > @/s/f; chown 64000:64000 @/s/f; chmod 600 @/s/f'),
    tries: [['read @/s/f', 'denied EACCES'], ['write @/s/f', 'denied EACCES'],
      ['chmod @/s/f 777', /^denied (EPERM|EOVERFLOW)$/]],
    host: unchanged,
  },
  {
    name: 'root: what is made belongs to the owner of the scope', scopes: rw, only: 'root',
    make: (folder) => folder.shell('chown 64000:64000 @/s'), tries: [['create @/s/new', 'succeeded'],
      ['has_root', 'denied EPERM']],
    host: (folder) => equal([statSync(folder.at('@/s/new')).uid, statSync(folder.at('@/s/new')).gid], [64000, 64000]),
  },
  {
    name: 'root: two owners, one server: each gets its own', scopes: ['--rw', '@/s', '--rw', '@/t'], only: 'root',
    make: (folder) => folder.shell('mkdir @/t; chown 64000:64000 @/s; chown 64001:64001 @/t'),
    tries: [['create @/s/new', 'succeeded'], ['create @/t/new', 'succeeded'], ['has_root', 'denied EPERM'],
      ['has_groups', 'denied EPERM']],
    host: (folder) => equal(['@/s/new', '@/t/new'].map((name) => statSync(folder.at(name)).uid), [64000, 64001]),
  },
  {
    name: 'root: its own files are written through an own map, never as root', scopes: rw, only: 'root', make: owned,
    tries: [['append @/s/f', 'succeeded'], ['has_root', 'denied EPERM'], ['become_root', /^denied (EPERM|EINVAL)$/],
      ['chmod @/s/f 4755', 'denied EPERM']],
    host: (folder) => equal(statSync(folder.at('@/s/f')).uid, 0),
  },
  ...['/', '/home', '/root', '/proc', '/sys', '/dev', '/etc', '/run', '/var/run', '/var/lib', '/usr/bin', '/tmp',
    '/boot']
    .map((path) => ({ name: `the scope ${path} is refused`, scopes: ['--ro', path], refused: /the file scope/ })),
  {
    name: 'the home of the gateway is refused, above it and in it', scopes: ['--forbid', '@/s/home', '--ro', '@/s'],
    refused: /gateway's own files/, make: (folder) => writeFileSync(folder.at('@/s/x'), ''),
  },
];
