// The cases of the tier `process` as the tier `gvisor` answers them. What the host holds is the same, and so are most
// answers; runsc's kernel words some refusals in its own way, has not all calls, and shows a machine of its own, whose
// switches and tables are not the host's. Every such difference is a row here.

import { lstatSync } from 'node:fs';
import { equal } from '../lib/checks.js';

const always = () => true;
const ifDenied = (expected) => String(expected).includes('denied');
const denied = /^denied/;
const emulated = /^(succeeded|denied)/;

// [the attack, which expectations, what instead]
const answers = [
  // no RENAME_* flags, no hard links and no unnamed files through the gofer
  [/^(exchange|rename_no_replace) /, always, denied],
  [/^(link|link_open_file|link_unnamed) /, always, denied],
  [/^unlink @\/s\/(u|second)$/, always, denied],
  [/^rename @\/s\/third /, always, denied],
  [/^punch_hole /, always, denied],
  // other words
  [/^(connect|send_udp) /, ifDenied, /^denied (EACCES|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED)$/],
  [/^read @\/s\/docker\.sock$/, always, denied],
  [/^unlink @\/s\/none\/$/, always, denied],
  [/^symlink f @\/s\/\.cargo\/$/, always, denied],
  // slower: it may be ended by its own alarm before its last turn
  [/^race /, ifDenied, /^(denied|killed SIGALRM)/],
  [/^rename @\/s\/folder @\/s\/f$/, always, denied],
  [/^read @\/s\/root\//, ifDenied, denied],
  [/^(open_to_write|chmod) \/(usr\/)?bin\//, ifDenied, denied],
  [/^(setxattr|set_file_capability) /, ifDenied, denied],
  [/^read \/dev\/tty$/, always, denied],
  [/^int80 /, always, /^(killed|denied)/],
  [/^finds \/proc\/keys/, always, denied],
  [/^read \/proc\/(keys|key-users)$/, always, denied],
  // of the machine, not of the host
  [/^list \/sys$/, always, emulated],
  [/^read \/proc\/1\/environ$/, always, /^(denied|succeeded HOME=\/home\/toolgate$)/],
  [/^read_neighbours$/, always, /^(denied|succeeded( \/proc\/1\/(environ|maps|auxv|fd\/0))*$)/],
  [/^open_to_write \/proc\/(1|self)\/(oom_score_adj|uid_map)$/, always, emulated],
  [/^read \/proc\/self\/oom_score_adj$/, always, emulated],
  [/^open_to_write \/dev\/ptmx$/, always, emulated],
  [/^(raise_priority|spare_from_killing|make_queue|core_into_pipe)$/, always, emulated],
  [/^listen /, always, emulated],
  [/^bind_pair /, always, emulated],
  [/^status$/, always, /^succeeded 0 0 0 0 2$/],
];

// runsc of 2022 does not pass on that the host refused to change a mode, times or a length: nothing changes, and the
// server believes that it did. So the host is asked.
const unheard = /^(chmod|truncate|utimes) (@\S+)/;

const lookOf = (path, attack) => {
  const about = lstatSync(path, { throwIfNoEntry: false });
  return about && { chmod: about.mode, truncate: about.size, utimes: about.mtimeMs }[attack];
};

// Not tried here.
const without = new Map([
  ['F14 staged: no name that was there disappears', 'it makes hard links, see the suite'],
  ['R2 private memory ends at the limit', 'it is counted when it is used, see the suite'],
]);

export function onRunsc(checks, runner, cases) {
  for (const { name } of cases) {
    if (without.has(name)) checks.skip(`${runner.name}: ${name}`, without.get(name));
  }
  return cases.filter(({ name }) => !without.has(name)).map(adapted);
}

function adapted(one) {
  const asked = [];
  const tries = one.tries?.map(([attack, expected]) => {
    const row = answers.find(([pattern, when]) => pattern.test(attack) && when(expected));
    if (row) return [attack, row[2]];
    if (!unheard.test(attack) || !ifDenied(expected)) return [attack, expected];
    asked.push(unheard.exec(attack).slice(1));
    return [attack, emulated];
  });
  const looks = new Map();
  return {
    ...one,
    ...(tries ? { tries } : {}),
    async make(folder, after) {
      await one.make?.(folder, after);
      for (const ask of asked) looks.set(ask, lookOf(folder.at(ask[1]), ask[0]));
    },
    async host(folder, result) {
      for (const [[attack, path], look] of looks) {
        equal(lookOf(folder.at(path), attack), look, `${path} on the host after ${attack}`);
      }
      await one.host?.(folder, result);
    },
  };
}
