// Names: protected ones, scopes in scopes, and scopes in which no name may disappear.

import { ensure, equal } from '../lib/checks.js';

const rw = ['--rw', '@/s'];
const keep = ['--keep', '@/s'];
const staged = ['--staged', '@/s'];

function repository(folder) {
  folder.write('@/s/.git/config', '[core]\n');
  folder.write('@/s/.git/hooks/pre-commit', 'hook\n', 0o755);
  folder.write('@/s/.git/HEAD', 'ref\n');
  folder.write('@/s/sub/deep/.git/hooks/post-merge', 'hook\n', 0o755);
}

function repositoryUnchanged(folder) {
  equal(folder.read('@/s/.git/config'), '[core]\n');
  equal(folder.read('@/s/.git/hooks/pre-commit'), 'hook\n');
  equal(folder.read('@/s/sub/deep/.git/hooks/post-merge'), 'hook\n');
}

// By the supervisor of names, and told to the gateway.
const held = 'denied EPERM';

// By the supervisor of names, before the mounts of those that exist are asked.
const guarded = 'denied EPERM';

// One that exists, and is a file.
function untouchable(path) {
  // A ".git" that is a file is no protected name itself: its mount holds it.
  const isMount = path.endsWith('/.git');
  return [
    [`read ${path}`, /^succeeded/], [`write ${path}`, guarded], [`open_truncating ${path}`, guarded],
    [`unlink ${path}`, isMount ? 'denied EBUSY' : guarded],
    [`rename ${path} @/s/moved`, isMount ? /^denied (EBUSY|EXDEV)$/ : guarded],
    [`chmod ${path} 777`, 'denied EROFS'], [`rename @/s/new ${path}`, guarded], [`exchange @/s/new ${path}`, guarded],
    [`link ${path} @/s/linked`, isMount ? 'denied EXDEV' : guarded],
  ];
}

export const cases = [
  {
    name: 'F11 a name in the scope for a file outside of it', scopes: ['--rw', '@/s', '--ro', '@/r'],
    make: (folder) => folder.write('@/r/f', 'own\n'),
    tries: [
      ['link @/out/f @/s/l', 'denied ENOENT'], ['link @/r/f @/s/l', 'denied EXDEV'],
      ['link /usr/bin/env @/s/l', 'denied EXDEV'],
      ['link_open_file @/r/f @/s/l', 'denied EXDEV'], ['link_open_file /etc/passwd @/s/l', 'denied EXDEV'],
      ['link /proc/self/exe @/s/l', /^denied (EXDEV|EPERM|EACCES)$/],
    ],
  },
  {
    name: 'F12 renames and unnamed files between scopes', scopes: ['--rw', '@/s', '--rw', '@/t'],
    make: (folder) => { folder.write('@/s/f'); folder.write('@/t/g'); },
    tries: [
      ['rename @/s/f /tmp/f', 'denied EXDEV'], ['rename @/s/f @/t/f', 'denied EXDEV'],
      ['exchange @/s/f @/t/g', 'denied EXDEV'],
      ['exchange @/s/f /etc/passwd', /^denied (EXDEV|EACCES|EBUSY)$/], ['link_unnamed /tmp @/s/u', 'denied EXDEV'],
      ['link_unnamed @/s @/s/u', 'succeeded'], ['rename_whiteout @/s/f @/s/w', 'denied EPERM'],
    ],
    host: (folder) => ensure(!folder.exists('@/s/w'), 'a whiteout was made'),
  },
  {
    name: 'F14 no-delete: no name disappears', scopes: keep,
    make: (folder) => { folder.write('@/s/f'); folder.write('@/s/g'); folder.write('@/s/d/e'); folder.make('@/s/empty'); },
    tries: [
      ['unlink @/s/f', 'denied EACCES'], ['rmdir @/s/empty', 'denied EACCES'],
      ['rename @/s/f @/s/new', 'denied EACCES'],
      ['rename_no_replace @/s/f @/s/new', 'denied EACCES'], ['rename @/s/f @/s/g', 'denied EACCES'],
      ['exchange @/s/f @/s/g', 'denied EACCES'], ['rename @/s/d @/s/d2', 'denied EACCES'],
      ['rename @/s/d/e @/s/e', /^denied (EACCES|EXDEV)$/], ['rename_whiteout @/s/f @/s/w', 'denied EPERM'],
      ['symlink /etc @/s/l', 'denied EACCES'], ['rename_race @/s/f @/s/g', 'denied EBUSY'],
      ['rename @/s /tmp/s', /^denied/], ['rename /tmp/x @/s/f', /^denied/],
    ],
    host: (folder) => {
      for (const name of ['@/s/f', '@/s/g', '@/s/d/e']) equal(folder.read(name), 'own\n');
      ensure(folder.exists('@/s/empty'), 'a folder is gone');
    },
  },
  {
    name: 'F16 no-delete: what a file says may change', scopes: keep,
    make: (folder) => { folder.write('@/s/f'); folder.write('@/s/g'); folder.write('@/s/h'); },
    tries: [
      ['open_truncating @/s/f', 'succeeded'], ['append @/s/g', 'succeeded'], ['punch_hole @/s/h', 'succeeded'],
      ['create @/s/new', 'succeeded'], ['mkdir @/s/d', 'succeeded'], ['create @/s/d/new', 'succeeded'],
      ['unlink @/s/d/new', 'denied EACCES'],
    ],
    host: (folder) => equal(folder.read('@/s/f'), 'attack\n'),
  },
  {
    name: 'F17 no-delete: what overlays take for deletions', scopes: keep, make: (folder) => folder.write('@/s/f'),
    tries: [
      ['mknod_whiteout @/s/w', 'denied EPERM'], ['rename_whiteout @/s/f @/s/w', 'denied EPERM'],
      ['mknod_file @/s/n', 'denied EPERM'],
    ],
  },
  {
    name: 'F14 staged: no name that was there disappears', scopes: staged,
    make: (folder) => {
      for (const name of ['f', 'g', 'h', 'd/e', 'linked']) folder.write(`@/s/${name}`);
      folder.make('@/s/empty');
      folder.shell('ln -s f @/s/l; ln @/s/linked @/s/linked2; mkfifo @/s/pipe');
    },
    tries: [
      ['unlink @/s/f', held], ['unlink @/s/l', held], ['unlink @/s/pipe', held], ['rmdir @/s/empty', held],
      ['rmdir @/s/d', 'denied ENOTEMPTY'], ['unlink @/s/none', 'denied ENOENT'], ['rmdir @/s/f', 'denied ENOTDIR'],
      ['unlink @/s/empty', 'denied EISDIR'],
      ['rename @/s/f @/s/new', held], ['rename_no_replace @/s/f @/s/new', held], ['rename @/s/f @/s/g', held],
      ['exchange @/s/f @/s/g', 'denied EINVAL'], ['rename @/s/d @/s/d2', held], ['rename @/s/d/e @/s/e', held],
      ['rename_whiteout @/s/f @/s/w', 'denied EPERM'], ['rename_race @/s/f @/s/g', /^denied/],
      ['rename @/s/f /tmp/f', 'denied EXDEV'], ['rename @/s /tmp/s', /^denied/], ['rename @/s/none @/s/f', 'denied ENOENT'],
      // What was made here takes the place of what was there only as a change of content.
      ['symlink f @/s/own', 'succeeded'], ['rename @/s/own @/s/g', held], ['rename @/s/own @/s/l', held],
      ['mkdir @/s/folder', 'succeeded'], ['rename @/s/folder @/s/empty', held], ['rename @/s/folder @/s/f', held],
      ['exchange @/s/own @/s/f', 'denied EINVAL'], ['exchange @/s/f @/s/own', 'denied EINVAL'],
      ['create @/s/file', 'succeeded'], ['rename @/s/file @/s/l', held], ['rename @/s/file @/s/pipe', held],
      // An older file gets no second name, under which its content would change unseen.
      ['link @/s/f @/s/second', 'denied EXDEV'], ['link_open_file @/s/f @/s/second', 'denied EXDEV'],
      ['link @/s/linked @/s/third', 'denied EXDEV'], ['append @/s/f', 'succeeded'],
      // A new file under an old name is an old name.
      ['create @/s/file2', 'succeeded'], ['rename @/s/file2 @/s/h', 'succeeded'], ['unlink @/s/h', held],
      ['rename @/s/h @/s/file3', held], ['unlink @/s/linked2', held],
    ],
    host: (folder, { stderr }) => {
      for (const name of ['d/e', 'linked', 'linked2']) equal(folder.read(`@/s/${name}`), 'own\n', name);
      for (const name of ['empty', 'pipe', 'l', 'h']) ensure(folder.exists(`@/s/${name}`), `${name} is gone`);
      const said = new Set(stderr.split('\n').filter((line) => line !== ''));
      for (const line of ['remove @/s/f', 'remove @/s/empty', 'move @/s/f @/s/new', 'replace @/s/own @/s/g',
        'change @/s/h 4', 'change @/s/f 4']) {
        ensure(said.has(folder.at(line)), `not told: ${line}, but ${[...said].join('; ')}`);
      }
    },
  },
  {
    name: 'F15 staged: what a server made itself it may move and remove', scopes: staged,
    make: (folder) => folder.write('@/s/f'),
    tries: [
      ['create @/s/a', 'succeeded'], ['rename @/s/a @/s/b', 'succeeded'], ['create @/s/a', 'succeeded'],
      ['exchange @/s/a @/s/b', 'succeeded'], ['rename @/s/a @/s/b', 'succeeded'], ['unlink @/s/b', 'succeeded'],
      ['mkdir @/s/d', 'succeeded'], ['create @/s/d/e', 'succeeded'], ['rename @/s/d @/s/d2', 'succeeded'],
      ['unlink @/s/d2/e', 'succeeded'], ['rmdir @/s/d2', 'succeeded'], ['link_unnamed @/s @/s/u', 'succeeded'],
      ['unlink @/s/u', 'succeeded'], ['symlink f @/s/l', 'succeeded'], ['unlink @/s/l', 'succeeded'],
      ['mknod_whiteout @/s/w', 'denied EPERM'], ['mkfifo @/s/p', /^denied/],
    ],
    host: (folder, { stderr }) => {
      folder.shell('test "$(ls -A @/s)" = f');
      equal(stderr, '', 'what was told');
    },
  },
  {
    name: 'F16 staged: content is kept before it changes, once', scopes: staged,
    make: (folder) => { for (const name of ['f', 'g', 'h', 'i', 'j', 'k']) folder.write(`@/s/${name}`); },
    tries: [
      ['open_truncating @/s/f', 'succeeded'], ['append @/s/f', 'succeeded'], ['append @/s/g', 'succeeded'],
      ['punch_hole @/s/h', 'succeeded'], ['truncate @/s/i', 'succeeded'], ['map_and_write @/s/j', 'succeeded'],
      ['reopen @/s/k', /^(succeeded|denied)/], ['read @/s/k', /^succeeded/], ['create @/s/own', 'succeeded'],
      ['append @/s/own', 'succeeded'],
    ],
    host: (folder, { stderr }) => {
      const told = stderr.split('\n').filter((line) => line !== '' && !line.includes('/k '));
      equal(told.sort(), ['f', 'g', 'h', 'i', 'j'].map((name) => folder.at(`change @/s/${name} 4`)), 'what was kept');
    },
  },
  {
    name: 'F16 staged: what cannot be kept does not change', scopes: staged, environment: { TOOLGATE_KEEP_NOTHING: '1' },
    make: (folder) => { folder.write('@/s/f'); folder.write('@/s/g'); },
    tries: [
      ['open_truncating @/s/f', 'denied ENOSPC'], ['append @/s/f', 'denied ENOSPC'], ['truncate @/s/f', 'denied ENOSPC'],
      ['create @/s/own', 'succeeded'], ['rename @/s/own @/s/g', 'denied ENOSPC'], ['unlink @/s/own', 'succeeded'],
    ],
    host: (folder) => { for (const name of ['f', 'g']) equal(folder.read(`@/s/${name}`), 'own\n'); },
  },
  {
    name: 'staged: the innermost scope decides', scopes: ['--rw', '@/s', '--staged', '@/s/notes', '--rw', '@/s/notes/tmp'],
    make: (folder) => { for (const name of ['f', 'notes/f', 'notes/tmp/f']) folder.write(`@/s/${name}`); },
    tries: [
      ['unlink @/s/f', 'succeeded'], ['unlink @/s/notes/f', held], ['unlink @/s/notes/tmp/f', 'succeeded'],
      ['rename @/s/notes/f @/s/g', 'denied EXDEV'], ['rename @/s/notes @/s/n', /^denied/],
      ['create @/s/g', 'succeeded'], ['rename @/s/g @/s/notes/f', 'denied EXDEV'],
    ],
    host: (folder) => equal(folder.read('@/s/notes/f'), 'own\n'),
  },
  {
    name: 'F20 staged: hooks and settings of git', scopes: staged, make: repository,
    tries: [
      ['write @/s/.git/config', guarded], ['create @/s/.git/hooks/post-commit', guarded],
      ['rename @/s/.git @/s/.g2', guarded], ['create @/s/.envrc', guarded],
    ],
    host: repositoryUnchanged,
  },
  { name: 'F14 no-delete beneath /tmp is refused', scopes: ['--keep', '/tmp/toolgate-no-delete'],
    refused: /rw-no-delete|cannot be opened/ },
  {
    name: 'F20 hooks and settings of git',
      scopes: rw, make: (folder) => { repository(folder); folder.write('@/s/new'); },
    tries: [
      ...untouchable('@/s/.git/config'),
      ['write @/s/.git/hooks/pre-commit', guarded], ['create @/s/.git/hooks/post-commit', guarded],
      ['rename @/s/.git @/s/.g2', guarded], ['exchange @/s/.git @/s/new', guarded],
      ['rename @/s/.git/hooks @/s/.git/h2', guarded], ['rmdir @/s/.git/hooks', guarded],
      ['mkdir @/s/.git/hooks', 'denied EEXIST'], ['write @/s/sub/deep/.git/hooks/post-merge', guarded],
      ['rename @/s/sub @/s/sub2', 'denied EBUSY'], ['rename @/s/sub/deep @/s/deep', /^denied (EBUSY|EXDEV)$/],
      ['rename_race @/s/.git @/s/.g2', 'denied EBUSY'], ['write @/s/.git/HEAD', 'succeeded'],
      ['symlink /tmp @/s/.git/hooks', 'denied EEXIST'], ['chmod @/s/.git/hooks 777', 'denied EROFS'],
    ],
    host: repositoryUnchanged,
  },
  {
    name: 'F20 the same in a scope where no name disappears', scopes: keep, make: repository,
    tries: [
      ['write @/s/.git/config', guarded], ['create @/s/.git/hooks/post-commit', guarded],
      ['rename @/s/.git @/s/.g2', guarded],
    ],
    host: repositoryUnchanged,
  },
  {
    name: 'F20 the scope is the .git itself', scopes: ['--rw', '@/s/.git'], make: repository,
    tries: [
      ['create @/s/.git/hooks/post-commit', guarded], ['write @/s/.git/config', guarded],
      ['write @/s/.git/HEAD', 'succeeded'],
    ],
    host: repositoryUnchanged,
  },
  ...['.mcp.json', '.bashrc', '.envrc', '.npmrc', '.gitmodules', '.editorconfig', 'a/b/.mcp.json'].map((name) => ({
    name: `F21 ${name} exists and stays`, scopes: rw,
    make: (folder) => { folder.write(`@/s/${name}`); folder.write('@/s/new'); },
    tries: untouchable(`@/s/${name}`), host: (folder) => equal(folder.read(`@/s/${name}`), 'own\n'),
  })),
  ...['.vscode/tasks.json', '.claude/settings.json', '.cursor/mcp.json', '.codex/config.toml',
    '.idea/x'].map((name) => ({
    name: `F21 ${name} in its folder stays`, scopes: rw, make: (folder) => folder.write(`@/s/${name}`),
    tries: [
      [`write @/s/${name}`, guarded], [`unlink @/s/${name}`, guarded], [`chmod @/s/${name} 777`, 'denied EROFS'],
      [`rename @/s/${name.split('/')[0]} @/s/moved`, guarded], [`create @/s/${name}2`, guarded],
    ],
    host: (folder) => equal(folder.read(`@/s/${name}`), 'own\n'),
  })),
  {
    name: 'F21 protected names that do not exist yet cannot be made, and leave no stub', scopes: rw,
    make: (folder) => { folder.make('@/s/a/b'); folder.write('@/s/new'); folder.make('@/s/g/hooks'); },
    tries: [
      ['create @/s/.mcp.json', guarded], ['create @/s/a/b/.mcp.json', guarded], ['create @/s//a/../.mcp.json', guarded],
      ['create /proc/self/root@/s/.envrc', guarded], ['create /proc/thread-self/cwd/../..@/s/.envrc', guarded],
      ['rename @/s/new @/s/.bashrc', guarded], ['link @/s/new @/s/.bashrc', guarded],
      ['rename_no_replace @/s/new @/s/.npmrc', guarded], ['exchange @/s/new @/s/.npmrc', guarded],
      ['open_path_creating @/s/.envrc', 'denied ENOENT'], ['open_path_creating @/s/new', /^succeeded/],
      ['symlink new @/s/.profile', guarded], ['link_unnamed @/s @/s/.envrc', guarded],
      ['link_open_file @/s/new @/s/.zshrc', guarded],
      ['mkdir @/s/.vscode', guarded], ['mkdir @/s/.claude', guarded], ['rename @/s/a @/s/.cursor', guarded],
      ['symlink a @/s/.git', guarded], ['create @/s/.git', guarded], ['rename @/s/new @/s/.git', guarded],
      ['rename @/s/g @/s/.git', guarded], ['rename_race @/s/g @/s/.git', /^denied/],
      ['mkdir @/s/.git', 'succeeded'], ['mkdir @/s/.git/hooks', guarded], ['create @/s/.git/config', guarded],
      ['create @/s/.git/HEAD', 'succeeded'], ['symlink ../g/hooks @/s/.git/hooks', guarded],
      ['rename @/s/g/hooks @/s/.git/hooks', guarded], ['create @/s/.git/commondir', guarded],
      ['mkdir @/s/.git/modules', guarded], ['create @/s/mcp.json', 'succeeded'],
    ],
    host: (folder) => {
      for (const name of ['.mcp.json', 'a/b/.mcp.json', '.envrc', '.bashrc', '.npmrc', '.profile', '.zshrc', '.vscode',
        '.claude', '.cursor', '.git/hooks', '.git/config', '.git/commondir', '.git/modules']) {
        ensure(!folder.exists(`@/s/${name}`), `${name} is there`);
      }
    },
  },
  {
    name: 'F21 a folder that gets a protected beginning, with a link in it', scopes: rw,
    tries: [
      ['mkdir @/s/x', 'succeeded'], ['symlink ../evil @/s/x/info', 'succeeded'], ['rename @/s/x @/s/.git', guarded],
      ['mkdir @/s/y', 'succeeded'], ['symlink ../evil @/s/y/share', 'succeeded'], ['rename @/s/y @/s/.local', guarded],
      ['mkdir @/s/z', 'succeeded'], ['create @/s/z/info', 'succeeded'], ['rename @/s/z @/s/.git', guarded],
      ['mkdir @/s/free', 'succeeded'], ['symlink ../evil @/s/free/other', 'succeeded'],
      ['rename @/s/free @/s/.git', 'succeeded'],
    ],
    host: (folder) => ensure(!folder.exists('@/s/.git/info') && !folder.exists('@/s/.local'), 'it is there'),
  },
  {
    name: 'F21 a name that repeats its own beginning', scopes: ['--rw', '@/s', '--protect', '!.git/modules', '--protect',
      '!.git/hooks', '--protect', '.git/modules/.git/hooks'],
    make: (folder) => folder.make('@/s/.git/modules'),
    tries: [
      ['mkdir @/s/p', 'succeeded'], ['mkdir @/s/p/hooks', 'succeeded'], ['rename @/s/p @/s/.git/modules/.git', guarded],
    ],
    host: (folder) => ensure(!folder.exists('@/s/.git/modules/.git'), 'it is there'),
  },
  {
    name: 'F21 a link at the beginning of a protected name', scopes: rw, refused: /over a symbolic link/,
    make: (folder) => { folder.make('@/s/dot'); folder.shell('ln -s dot @/s/.config'); },
  },
  {
    name: 'what is not there is not there, and what exists exists', scopes: rw,
    make: (folder) => { folder.write('@/s/f'); folder.write('@/s/.envrc'); folder.make('@/s/.cargo'); },
    tries: [
      ['unlink @/s/.mcp.json', 'denied ENOENT'], ['rename @/s/.mcp.json @/s/x', 'denied ENOENT'],
      ['rename @/s/none @/s/.mcp.json', 'denied ENOENT'], ['link @/s/.mcp.json @/s/x', 'denied ENOENT'],
      ['truncate @/s/.mcp.json', 'denied ENOENT'], ['append @/s/none/', /^denied (ENOENT|EISDIR)$/],
      ['unlink @/s/none/', 'denied ENOENT'], ['rename @/s/none/ @/s/x', 'denied ENOENT'],
      ['mkdir @/s/.cargo', 'denied EEXIST'], ['append @/s/.cargo', 'denied EISDIR'], ['symlink f @/s/.cargo/', 'denied EEXIST'],
      ['append @/s/.envrc', guarded],
    ],
  },
  {
    name: 'F21 the same in a scope where no name disappears', scopes: keep, make: (folder) => folder.write('@/s/new'),
    tries: [['create @/s/.mcp.json', guarded], ['link @/s/new @/s/.bashrc', guarded], ['mkdir @/s/.claude', guarded],
      ['create @/s/mcp.json', 'succeeded']],
    host: (folder) => ensure(!folder.exists('@/s/.mcp.json'), '.mcp.json is there'),
  },
  {
    name: 'F21 keys are not even read', scopes: ['--ro', '@/s'],
    make: (folder) => { folder.write('@/s/.ssh/id', 'SECRET\n'); folder.write('@/s/x/.netrc', 'SECRET\n'); },
    tries: [['read @/s/.ssh/id', 'denied ENOENT'], ['list @/s/.ssh', 'succeeded 0'],
      ['read @/s/x/.netrc', 'succeeded']],
  },
  {
    name: 'F21 keys in a writable scope: not read, not replaced', scopes: rw,
    make: (folder) => { folder.write('@/s/.aws/credentials', 'SECRET\n'); folder.write('@/s/a/.git-credentials',
      'SECRET\n'); },
    tries: [
      ['read @/s/.aws/credentials', 'denied ENOENT'], ['rename @/s/.aws @/s/aws', guarded],
      ['create @/s/.aws/x', guarded],
      ['read @/s/a/.git-credentials', 'succeeded'], ['rename @/s/a @/s/b', 'denied EBUSY'],
      ['unlink @/s/a/.git-credentials', guarded],
      ['link @/s/a/.git-credentials @/s/l', guarded], ['umount @/s/.aws', 'denied EPERM'],
    ],
    host: (folder) => equal(folder.read('@/s/.aws/credentials'), 'SECRET\n'),
  },
  {
    name: 'F22 a worktree: its .git is a file', scopes: rw,
    make: (folder) => { folder.write('@/s/.git', 'gitdir: /elsewhere\n'); folder.write('@/s/new'); },
    tries: untouchable('@/s/.git'), host: (folder) => equal(folder.read('@/s/.git'), 'gitdir: /elsewhere\n'),
  },
  {
    name: 'F23 the case of letters does not matter, every other spelling is another name', scopes: rw,
    make: (folder) => folder.write('@/s/.MCP.json'),
    tries: [['write @/s/.MCP.json', guarded], ['create @/s/.Bashrc', guarded], ['create @/s/.mcp.json.', 'succeeded']],
  },
  {
    name: 'a protected name over a link within the scope', scopes: rw, refused: /"\.bashrc" over a symbolic link/,
    make: (folder) => { folder.write('@/s/dotfiles/bashrc'); folder.shell('ln -s dotfiles/bashrc @/s/.bashrc'); },
  },
  {
    name: 'a repository over a link within the scope', scopes: rw, refused: /over a symbolic link/,
    make: (folder) => { folder.write('@/s/real/hooks/pre-commit'); folder.shell('ln -s real @/s/.git'); },
  },
  {
    name: 'a link at a protected name does not matter where nothing is written', scopes: ['--ro', '@/s'],
    make: (folder) => { folder.write('@/s/real/hooks/pre-commit'); folder.shell('ln -s real @/s/.git'); },
    tries: [['write @/s/.git/hooks/pre-commit', 'denied EROFS']],
  },
  {
    name: 'a folder closed by the last run hides no hooks from the next', scopes: rw, only: 'user',
    refused: /you cannot read/,
    make: (folder) => { repository(folder); folder.shell('chmod 000 @/s/.git'); },
  },
  {
    name: 'a folder that can be listed but not entered hides nothing either', scopes: rw, only: 'user',
    refused: /you cannot read/,
    make: (folder) => { folder.write('@/s/d/.mcp.json'); folder.shell('chmod 400 @/s/d'); },
  },
  {
    name: 'names of the administrator, added and taken off', scopes: ['--rw', '@/s', '--protect',
      'settings/live.json', '--protect', '!.npmrc'],
    make: (folder) => { folder.write('@/s/settings/live.json'); folder.write('@/s/.npmrc'); },
    tries: [
      ['write @/s/settings/live.json', guarded], ['rename @/s/settings @/s/x', guarded],
      ['write @/s/.npmrc', 'succeeded'],
    ],
  },
  {
    name: 'ro in rw', scopes: ['--rw', '@/s', '--ro', '@/s/a/inner'],
    make: (folder) => { folder.write('@/s/a/inner/f'); folder.write('@/s/a/f'); },
    tries: [
      ['write @/s/a/inner/f', 'denied EROFS'], ['create @/s/a/inner/new', 'denied EROFS'],
      ['rename @/s/a @/s/b', 'denied EBUSY'],
      ['rename @/s/a/inner @/s/a/x', 'denied EBUSY'], ['write @/s/a/f', 'succeeded'],
      ['rename @/s/a/f @/s/a/inner/f', /^denied (EXDEV|EROFS)$/],
    ],
    host: (folder) => equal(folder.read('@/s/a/inner/f'), 'own\n'),
  },
  {
    name: 'rw in ro', scopes: ['--ro', '@/s', '--rw', '@/s/inner'],
    make: (folder) => { folder.write('@/s/inner/f'); folder.write('@/s/f'); },
    tries: [['write @/s/f', 'denied EROFS'], ['write @/s/inner/f', 'succeeded'], ['unlink @/s/inner/f', 'succeeded'],
      ['rename @/s/inner @/s/x', /^denied/]],
  },
  {
    name: 'rw in no-delete', scopes: ['--keep', '@/s', '--rw', '@/s/inner'],
    make: (folder) => { folder.write('@/s/inner/f'); folder.write('@/s/f'); },
    tries: [
      ['unlink @/s/f', 'denied EACCES'], ['unlink @/s/inner/f', 'succeeded'],
      ['rename @/s/f @/s/inner/f', /^denied (EXDEV|EACCES)$/],
      ['rename @/s/inner @/s/x', /^denied (EBUSY|EACCES)$/],
    ],
  },
  {
    name: 'no-delete in ro', scopes: ['--ro', '@/s', '--keep', '@/s/inner'],
    make: (folder) => { folder.write('@/s/inner/f'); folder.write('@/s/f'); },
    tries: [['unlink @/s/inner/f', 'denied EACCES'], ['append @/s/inner/f', 'succeeded'],
      ['write @/s/f', 'denied EROFS']],
  },
  {
    name: 'no-delete in rw cannot be held, and is refused', scopes: ['--rw', '@/s', '--keep', '@/s/inner'],
      refused: /rw-no-delete inside/,
    make: (folder) => folder.make('@/s/inner'),
  },
  { name: 'the same scope twice', scopes: ['--rw', '@/s', '--ro', '@/s'], refused: /there twice/ },
  {
    name: 'CVE-2025-53109: a link in the scope to what lies outside', scopes: rw,
    make: (folder) => folder.shell('ln -s / @/s/root; ln -s @/out @/s/out'),
    tries: [['read @/s/root/etc/shadow', 'denied ENOENT'], ['write @/s/out/f', 'denied ENOENT'],
      ['list @/s/root/home', 'denied EACCES']],
  },
  {
    name: 'CVE-2025-53110: a folder whose name only begins like the scope', scopes: rw,
    make: (folder) => folder.write('@/s-secret/f', 'SECRET\n'),
    tries: [['read @/s-secret/f', 'denied ENOENT'], ['list @/s-secret', 'denied ENOENT'],
      ['create @/s-secret/x', /^denied/], ['mkdir @/s-new', /^denied (EROFS|EACCES)$/]],
    host: (folder) => equal(folder.read('@/s-secret/f'), 'SECRET\n'),
  },
];
