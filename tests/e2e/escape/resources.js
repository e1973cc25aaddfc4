// What everybody shares: processes, memory, descriptors, room.

import { statfsSync, statSync } from 'node:fs';
import { ensure } from '../lib/checks.js';

const limits = (...list) => list.flatMap((limit) => ['--limit', limit]);

export const cases = [
  { name: 'R1 a fork bomb ends at the limit', scopes: limits('processes=100'), tries: [['bomb 20 110',
    'denied EAGAIN'], ['bomb 20 110', 'denied EAGAIN']] },
  { name: 'R2 private memory ends at the limit', scopes: limits('memory_mb=256'), tries: [['take_memory 10 256',
    'denied ENOMEM']] },
  {
    name: 'R2 /tmp, /dev/shm and home end at a quarter of it', scopes: limits('memory_mb=256'),
    tries: ['/tmp', '/dev/shm', '/home/toolgate'].map((path) => [`fill ${path} 60 64`, 'denied ENOSPC']),
  },
  { name: 'R2 what is locked in memory', tries: [['lock_memory', 'denied ENOMEM']] },
  { name: 'R4 descriptors end at the limit', scopes: limits('open_files=64'), tries: [['take_descriptors 10 64',
    'denied EMFILE']] },
  { name: 'R4 message queues', tries: [['make_queue', /^denied (EMFILE|ENOSYS|EACCES)$/]] },
  {
    name: 'F31 a file of one TiB, sparse or not', scopes: ['--rw', '@/s'],
    tries: [
      ['write_far @/s/a', 'denied EFBIG'], ['make_long @/s/b', 'denied EFBIG'],
      ['reserve_room @/s/c', 'denied EFBIG'], ['long_memory_file', 'denied EFBIG'],
      ['make_long /tmp/a', 'denied EFBIG'],
    ],
    host: (folder) => { for (const name of ['a', 'b',
      'c']) ensure(statSync(folder.at(`@/s/${name}`)).size === 0, `${name} is long`); },
  },
  {
    name: 'R7 a file ends at its limit', scopes: ['--rw', '@/s', ...limits('file_mb=8')],
      tries: [['fill @/s 8 8', 'denied EFBIG']],
    host: (folder) => ensure(statfsSync(folder.path).bavail > 0, 'the disk is full'),
  },
  {
    name: 'F31 a tree deeper than can be looked through is refused at the next start', scopes: ['--rw', '@/s'],
      refused: /200 directories deep/,
    make: (folder) => folder.shell(`cd @/s; for i in $(seq 210); do mkdir d; cd d; done`),
  },
  { name: 'F31 a tree is dug 500 deep', scopes: ['--rw', '@/s'], tries: [['dig @/s 500', 'succeeded']] },
  { name: 'P10 a storm of zombies, and signals to the first process', tries: [['storm_of_zombies', 'succeeded'],
    ['exists /', 'succeeded']] },
];
