// Calls, processes, keyrings, the terminal, and what a server is started with.

import { ensure, equal } from '../lib/checks.js';

const eperm = (...attacks) => attacks.map((attack) => [attack, 'denied EPERM']);
const enosys = (...attacks) => attacks.map((attack) => [attack, 'denied ENOSYS']);

const namespaces = ['0x00020000', '0x02000000', '0x04000000', '0x08000000', '0x10000000', '0x20000000', '0x40000000'];

export const cases = [
  {
    name: 'P1 namespaces', tries: [
      ...eperm(...namespaces.flatMap((flag) => [`unshare ${flag}`,
        `clone ${flag}`]), 'unshare 0x80', 'unshare 0x710000000'),
      ...eperm('setns /proc/self/ns/net', 'setns /proc/1/ns/mnt'), ...enosys('clone3'),
    ],
  },
  {
    name: 'P1 mounts', scopes: ['--ro', '@/s'], make: (folder) => folder.write('@/s/f'),
    tries: [
      ...eperm('mount /tmp', 'mount_again @/s', 'remount_writable @/s', 'remount_writable /usr',
        'remount_writable /proc', 'umount @/s',
        'umount /etc/passwd', 'chroot /tmp', 'pivot_root /tmp', 'fsopen', 'open_tree @/s', 'open_tree_attr @/s',
          'move_mount @/s', 'mount_setattr @/s'),
      ['write @/s/f', 'denied EROFS'],
    ],
  },
  {
    name: 'P2 other processes',
    tries: [
      ...eperm('ptrace 1', 'ptrace 2', 'be_traced', 'read_memory 1', 'steal_descriptor 1', 'kcmp 1', 'kill 1 9',
        'kill 1 19'),
      ['read_neighbours', 'denied EACCES'], ['read /proc/1/stack', /^denied/], ['read /proc/1/syscall', /^denied/],
    ],
  },
  {
    name: 'P3 signals reach nobody else',
    tries: [['kill_everybody', /^(succeeded|denied (EPERM|ESRCH))$/], [`kill ${process.pid} 0`, 'denied ESRCH'],
      ['signal_by_descriptor 1', /^(succeeded|denied)/], ['kill -1 18', /^(succeeded|denied|killed)/]],
    host: () => process.kill(process.pid, 0),
  },
  {
    name: 'P4 the terminal is not typed on', tries: eperm('type_on_terminal 0x5412', 'type_on_terminal 0x700005412',
      'paste_on_console'),
  },
  { name: 'P4 there is no terminal', tries: [['read /dev/tty', 'denied ENXIO'],
    ['open_to_write /dev/ptmx', 'denied EACCES'], ['read /dev/console', /^denied/], ['take_terminal', /^denied/]] },
  // Where the kernel itself has no i386, the instruction is none. Both have a call for every number: getpid; lchown,
  // which has the number of ioctl elsewhere, and ioctl; getpid and both ioctls with the bit of x32.
  { name: 'P5 the calls of other architectures',
    tries: [...[20, 16, 54].map((number) => [`int80 ${number}`, /^killed SIG(SYS|SEGV)$/]),
      ...[39, 16, 514].map((number) => [`x32 ${number}`, 'killed SIGSYS'])] },
  {
    name: 'P6 programs with the set-user-id bit', scopes: ['--exec', '@/s'],
    make: (folder) => { folder.shell('cp /usr/bin/id @/s/id; chmod 4755 @/s/id'); },
    tries: [['gain_privileges', /^denied/], ['become_root', /^denied (EPERM|EINVAL)$/],
      ['execute /usr/bin/su -c true', /^denied/]],
  },
  {
    name: 'P8 what may be executed', scopes: ['--rw', '@/s', '--exec', '@/x'],
    make: (folder) => folder.shell('mkdir @/x; cp /bin/true @/s/true; cp /bin/true @/x/true'),
    tries: [
      ['execute @/s/true', 'denied EACCES'], ['execute @/x/true', 'succeeded'],
      ['create @/x/new', /^denied (EROFS|EACCES)$/],
      ['execute_memory', 'succeeded'], ['execute /usr/bin/true', 'succeeded'],
      ['execute /bin/sh -c @/s/true', /^denied/],
    ],
  },
  {
    name: 'P11 calls that no server needs',
    tries: eperm('userfaultfd', 'bpf', 'perf', 'fanotify', 'add_key', 'request_key escape',
      'search_keyring -3 escape', 'search_keyring -4 escape', 'read_key -3',
      'modify_ldt', 'personality', 'personality_high_bits', 'memfd_secret', 'kexec', 'init_module', 'syslog',
        'sethostname', 'clock_settime',
      'iopl', 'quotactl', 'move_pages', 'swapon /tmp/x', 'acct /tmp/x'),
  },
  {
    name: 'P12 nothing of the environment of the gateway', scopes: ['--env', 'GIVEN=1'],
    tries: [['environment', /^succeeded (GIVEN|HOME|PATH|PWD|TMPDIR| )+$/],
      ['finds /proc/self/environ not-for-servers', 'denied ENODATA']],
  },
  { name: 'P7 no descriptor is inherited', tries: [['descriptors', 'denied EBADF']] },
  {
    name: 'P14 capabilities, new privileges, filter, as /proc says', tries: [['status', 'succeeded 0 0 0 0 0 1 2'],
      ['has_root', 'denied EPERM'], ['has_groups', 'denied EPERM']],
  },
  {
    name: 'P17 what is seen of the host: the paths of the scopes, no arguments and no name', scopes: ['--ro', '@/s'],
    tries: [['finds /proc/1/cmdline @/s', 'denied ENODATA'], ['read /proc/sys/kernel/hostname', 'succeeded sandbox'],
      ['finds /proc/self/mountinfo @/out', 'denied ENODATA']],
  },
  {
    name: 'P18 sockets of the session are not there',
    tries: ['/tmp/.X11-unix', '/run/user', '/run/dbus/system_bus_socket', '/run/docker.sock', '/var/run/docker.sock',
      '/run/systemd/journal/socket', '/dev/log']
      .map((path) => [`exists ${path}`, /^denied (ENOENT|EACCES)$/]),
  },
  {
    name: 'S1 secrets of the gateway', tries: [['finds /proc/self/environ ESCAPE_SECRET', 'denied ENODATA'],
      ['read /proc/1/environ', /^denied/], ['finds /proc/1/cmdline ESCAPE', 'denied ENODATA']],
  },
  { name: 'S2 the names of keys and who has some', tries: [['finds /proc/keys escape', 'denied ENODATA'],
    ['read /proc/keys', 'succeeded'], ['read /proc/key-users', 'succeeded']] },
  {
    name: 'S10 no core, not even for a program of the host that takes them', tries: [['core_limit', 'denied EPERM'],
      ['core_into_pipe', 'denied EPERM']],
  },
  {
    name: 'a limit is not raised, and nothing is spared when memory is short',
    tries: [['raise_limit', 'denied EPERM'], ['raise_priority', /^denied (EACCES|EPERM)$/],
      ['spare_from_killing', 'denied EROFS'],
      ['read /proc/self/oom_score_adj', 'succeeded 1000']],
  },
  {
    name: 'P13 arguments that look like options', scopes: ['--ro', '@/s'],
      make: (folder) => folder.write('@/s/--bind', 'own\n'),
    tries: [['read @/s/--bind', 'succeeded own'], ['exists --ro-bind', 'denied ENOENT'],
      ['exists --', 'denied ENOENT']],
    host: (folder, { status }) => { ensure(status === 0, 'it failed'); equal(folder.read('@/s/--bind'), 'own\n'); },
  },
];
