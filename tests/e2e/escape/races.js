// What the supervisor of names judges, changed by another thread while it does: the text of a path, a descriptor, the
// working directory, a link on the way, the name of the folder itself.

import { ensure } from '../lib/checks.js';

const race = (name, attack, tries = 20_000) => ({
  name: `F7 ${name}, ${tries} times`, scopes: ['--rw', '@/s'],
  make: (folder) => folder.make('@/s/plain', '@/s/.git/hooks'),
  tries: [[`${attack} @/s ${tries}`, 'denied EPERM']],
  host: (folder) => {
    for (const made of ['.envrc', '.git/hooks/pre-commit', 'sub/.git/hooks']) {
      ensure(!folder.exists(`@/s/${made}`), `${made} is there`);
    }
  },
});

// The server holds its supervisor up: in this moment it has checked, and not done yet.
const eperm = (...attacks) => attacks.map((attack) => [attack, 'denied EPERM']);

export const cases = [
  {
    name: 'P5 the supervisor, which is the second process, is neither stopped nor slowed down', scopes: ['--rw', '@/s'],
    tries: [
      ...eperm('kill 2 19', 'kill 2 0', 'kill -1 19', 'tkill 2 19', 'tgkill 2 2 19', 'queue_signal 2 19',
        'queue_thread_signal 2 2 19', 'pidfd_open 2', 'set_signal_of_descriptor 19', 'set_affinity 2', 'set_scheduler 2',
        'set_priority 2', 'set_io_priority 2', 'set_priority_of_group 1', 'set_priority_of_user', 'set_io_priority_of_user'),
      ['signal_by_folder 2 19', 'denied ENOSYS'], ['kill 0 0', 'succeeded'], ['create @/s/f', 'succeeded'],
    ],
  },
  race('a path whose text changes while it is opened', 'race_text'),
  race('a path whose text changes while a name is moved to it', 'race_move'),
  race('a descriptor that changes while it is used', 'race_descriptor'),
  race('a working directory that changes while it is used', 'race_working_directory'),
  race('a link that changes while it is followed', 'race_link'),
  race('a folder that gets a protected beginning while it is filled', 'race_beginning', 3_000),
];
