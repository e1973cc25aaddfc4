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

export const cases = [
  race('a path whose text changes while it is opened', 'race_text'),
  race('a path whose text changes while a name is moved to it', 'race_move'),
  race('a descriptor that changes while it is used', 'race_descriptor'),
  race('a working directory that changes while it is used', 'race_working_directory'),
  race('a link that changes while it is followed', 'race_link'),
  race('a folder that gets a protected beginning while it is filled', 'race_beginning', 3_000),
];
