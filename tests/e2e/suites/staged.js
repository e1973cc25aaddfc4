// Staged scopes behind the gateway: no name disappears, what saves by renaming works, what was refused waits for a
// person, and what a file held before it changed can be had again; with one server alive over 1,000 calls, while the
// host edits the same files.

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync,
  writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { mentioning } from '../lib/processes.js';
import { modernNode, packageFolder } from '../lib/programs.js';
import { Stage, staged } from '../lib/stage.js';

const filesystem = join(packageFolder('@modelcontextprotocol/server-filesystem'), 'dist', 'index.js');

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await published(checks);
  await windows(checks);
  await outOfSight(checks);
  await decisions(checks);
  await programs(checks);
  await thousand(checks);
  await killed(checks);
}

async function published(checks) {
  await staged(checks, 'the published filesystem server edits by renaming, and moves nothing away', async (stage) => {
    const path = stage.at('notes.txt');
    const edited = await stage.call('edit_file', { path, edits: [{ oldText: 'old', newText: 'new' }] });
    ensure(!edited.isError, JSON.stringify(edited));
    equal(stage.read('notes.txt'), 'new text\n', 'the file');
    equal(stage.content(stage.kept('notes.txt')[0].id), 'old text\n', 'what was kept');
    equal(stage.lastOutcome().files.map(({ effect, path: of, waits }) => ({ effect, of, waits })),
      [{ effect: 'change', of: path, waits: false }], 'the record of the call');

    const moved = await stage.call('move_file', { source: path, destination: stage.at('elsewhere.txt') });
    ensure(moved.isError && moved.content[0].text.includes('EPERM'), JSON.stringify(moved));
    ensure(existsSync(path) && !existsSync(stage.at('elsewhere.txt')), 'it was moved');
    const [one] = stage.waiting();
    equal({ server: one.server, effect: one.effect, arguments: one.arguments, state: one.state },
      { server: 'files', effect: 'move', arguments: { path, to: stage.at('elsewhere.txt') }, state: 'waits' }, 'what waits');
    equal(stage.lastOutcome().files, [{ effect: 'move', waits: true, id: one.id, path, to: stage.at('elsewhere.txt') }],
      'the record of the call');
    equal(stage.home.records('status')[0].waiting, 1, 'what status says');
    ensure(stage.home.mustRun('status').includes('approvals list'), 'status does not say where to look');

    stage.home.mustRun('approvals', 'allow', one.id);
    ensure(!existsSync(path) && stage.read('elsewhere.txt') === 'new text\n', 'it was not moved');
    equal(stage.waiting(), [], 'what waits then');
    equal(readdirSync(stage.folder), ['elsewhere.txt'], 'litter');
  }, [modernNode, filesystem], { 'notes.txt': 'old text\n' });
}

async function windows(checks) {
  await staged(checks, 'what was made in a call may go in that call, and in no later one', async (stage) => {
    equal(await stage.work([['write', '@/n', '1'], ['move', '@/n', '@/m'], ['remove', '@/m']]), ['ok', 'ok', 'ok'], 'one call');
    equal(await stage.work([['write', '@/n', '1']]), ['ok'], 'made');
    equal(await stage.work([['remove', '@/n'], ['move', '@/n', '@/o'], ['write', '@/n', '2'], ['save', '@/n', '3']]),
      ['EPERM', 'EPERM', 'ok', 'ok'], 'a later call');
    equal(stage.read('n'), '3', 'the file');
    equal(stage.kept('n').map(({ id }) => stage.content(id)), ['1', '2'], 'what was kept: each content that went');
    equal(await stage.work([['mkdir', '@/d'], ['write', '@/d/e', '1'], ['remove', '@/d/e'], ['removeFolder', '@/d']]),
      ['ok', 'ok', 'ok', 'ok'], 'a folder');
  });

  await staged(checks, 'what a server does after its answer belongs to the call before, until the next one', async (stage) => {
    await stage.work([['write', '@/n', '1']], [['remove', '@/n'], ['write', '@/late', '1']]);
    await eventually(() => existsSync(stage.at('late')), 'the work after the answer');
    ensure(!existsSync(stage.at('n')), 'what the call made may go');
    equal(await stage.work([['remove', '@/late']]), ['EPERM'], 'the next call');
  });

  await staged(checks, 'what the host makes or edits is its own, and seen at once', async (stage) => {
    equal(await stage.work([['read', '@/a']]), ['one'], 'read');
    writeFileSync(stage.at('a'), 'by the host');
    writeFileSync(stage.at('b'), 'made by the host');
    stage.own();
    equal(await stage.work([['read', '@/a'], ['read', '@/b'], ['remove', '@/b'], ['save', '@/a', 'by the server']]),
      ['by the host', 'made by the host', 'EPERM', 'ok'], 'read again');
    equal(stage.read('a'), 'by the server', 'the file');
    equal(stage.kept('a').map(({ id }) => stage.content(id)), ['by the host'], 'what was kept');
    unlinkSync(stage.at('b'));
    equal(await stage.work([['read', '@/b']]), ['ENOENT'], 'what the host removed');
  }, undefined, { a: 'one' });

  await staged(checks, 'what truncate(2) cuts off is kept, however short ago something was', async (stage) => {
    const truncate = (length) => ['run', 'python3', '-c', `import os; os.truncate("${stage.at('a')}", ${length})`];
    equal(await stage.work([['append', '@/a', ' two']]), ['ok'], 'a change in place');
    equal(await stage.work([truncate(3), ['append', '@/a', ' three'], truncate(0), ['write', '@/own', 'x']]), ['', 'ok', '', 'ok'],
      'the next call');
    equal([stage.read('a'), stage.kept('a').map(({ id }) => stage.content(id))], ['', ['one', 'one two', 'one three']], 'what was kept');
    equal(stage.kept('own'), [], 'what the call made itself');
  }, undefined, { a: 'one' });

  await staged(checks, 'a file of the call that takes an older name is older from then on', async (stage) => {
    equal(await stage.work([['write', '@/n', 'two'], ['move', '@/n', '@/a'], ['write', '@/a', 'three'], ['remove', '@/a'],
      ['write', '@/m', 'four'], ['move', '@/m', '@/a']]), ['ok', 'ok', 'ok', 'EPERM', 'ok', 'ok'], 'one call');
    equal([stage.read('a'), stage.kept('a').map(({ id }) => stage.content(id))], ['four', ['one', 'two', 'three']], 'what was kept');
  }, undefined, { a: 'one' });

  await staged(checks, 'a descriptor that stays open keeps working from call to call', async (stage) => {
    equal(await stage.work([['open', '@/log'], ['put', '@/log', 'a']]), ['ok', 1], 'the first call');
    for (let i = 0; i < 5; i++) equal(await stage.work([['put', '@/log', 'b']]), [1], 'a later call');
    equal(stage.read('log'), '0abbbbb', 'the file');
    equal(stage.kept('log').map(({ id }) => stage.content(id)), ['0'], 'what was kept: what it was when it was opened');
  }, undefined, { log: '0' });
}

// Whatever the kernel calls the place then: the names in it cannot be judged any more.
async function outOfSight(checks) {
  await staged(checks, 'a server that stands in a folder which the host moves away makes nothing there', async (stage) => {
    const outside = `${stage.folder}-moved`;
    try {
      equal(await stage.work([['mkdir', '@/x'], ['enter', '@/x'], ['write', 'own', '1']]), ['ok', 'ok', 'ok'], 'before');
      renameSync(stage.at('x'), outside);
      equal(await stage.work([['write', '.envrc', 'x'], ['write', 'own', '2'], ['mkdir', '.claude'], ['remove', 'own']]),
        ['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT'], 'after');
      equal([readdirSync(outside), readFileSync(join(outside, 'own'), 'utf8')], [['own'], '1'], 'what the host moved');
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  });
}

async function decisions(checks) {
  await staged(checks, 'allowed: it goes, and can be had again; restored: what stood there is kept', async (stage) => {
    equal(await stage.work([['remove', '@/a']]), ['EPERM'], 'the call');
    const [{ id }] = stage.waiting();
    ensure(/content kept: /.test(stage.home.mustRun('approvals', 'allow', id)), 'nothing is said of the content');
    ensure(!existsSync(stage.at('a')), 'it is still there');
    const [kept] = stage.kept('a');
    stage.home.mustRun('kept', 'restore', kept.id);
    equal(stage.read('a'), 'one', 'the file');
    equal(lstatSync(stage.at('a')).mode & 0o777, 0o644, 'its mode');
    writeFileSync(stage.at('a'), 'two');
    stage.home.mustRun('kept', 'restore', kept.id);
    equal(stage.kept('a').map(({ id: one }) => stage.content(one)), ['one', 'two'], 'what is kept');
    stage.home.mustRun('kept', 'discard', kept.id);
    equal(stage.kept('a').length, 1, 'what is kept then');
    equal(stage.home.run('kept', 'show', kept.id).status, 1, 'it is shown though it was discarded');
    const kinds = stage.home.records('audit', 'query').map(({ kind }) => kind).filter((kind) => kind.startsWith('file.'));
    equal(kinds, ['file.decision', 'file.outcome', 'file.restored', 'file.outcome', 'file.restored', 'file.outcome',
      'file.discarded'], 'the records');
  }, undefined, { a: 'one' });

  await staged(checks, 'denied: it stays, and is not asked again of the same file', async (stage) => {
    await stage.work([['remove', '@/a'], ['remove', '@/a']]);
    const [{ id }, ...more] = stage.waiting();
    equal(more, [], 'asked twice');
    stage.home.mustRun('approvals', 'deny', id);
    await stage.work([['remove', '@/a']]);
    equal(stage.waiting(), [], 'asked again');
    equal(stage.lastOutcome().files[0].id, id, 'the record names the decision');
    equal(stage.home.run('approvals', 'allow', id).status, 1, 'allowed after it was denied');
    writeFileSync(stage.at('b'), 'another');
    renameSync(stage.at('b'), stage.at('a'));
    stage.own();
    await stage.work([['remove', '@/a']]);
    equal(stage.waiting().map((one) => one.arguments.path), [stage.at('a')], 'the other file is another question');
    equal(stage.read('a'), 'another', 'the other file');
  }, undefined, { a: 'one' });

  await staged(checks, 'allowed is exactly what was asked: another file, a link, a place that is taken', async (stage) => {
    for (const name of ['b', 'c', 'd', 'e']) writeFileSync(stage.at(name), name);
    mkdirSync(stage.at('sub'));
    writeFileSync(stage.at('sub/x'), 'x');
    stage.own();
    await stage.work([['remove', '@/b'], ['move', '@/c', '@/f'], ['remove', '@/sub/x'], ['move', '@/d', '@/g']]);
    const ids = Object.fromEntries(stage.waiting().map((one) => [one.arguments.path, one.id]));
    renameSync(stage.at('e'), stage.at('b'));                                  // another file stands there
    writeFileSync(stage.at('f'), 'taken');
    rmSync(stage.at('sub'), { recursive: true });
    mkdirSync(stage.at('other'));
    writeFileSync(stage.at('other/x'), 'not asked about');
    symlinkSync('other', stage.at('sub'));                                     // the path leads over a link
    for (const [name, why] of [['b', /another file/], ['c', /File exists/], ['sub/x', /without following/]]) {
      const { status, stderr } = stage.home.run('approvals', 'allow', ids[stage.at(name)]);
      ensure(status === 1 && why.test(stderr), `${name}: ${status} ${stderr}`);
    }
    stage.home.mustRun('approvals', 'allow', ids[stage.at('d')]);
    equal([stage.read('b'), stage.read('f'), stage.read('c'), stage.read('other/x'), stage.read('g')],
      ['e', 'taken', 'c', 'not asked about', 'd'], 'the files');
    equal(stage.waiting().length, 3, 'what waits still');
    equal(stage.home.run('approvals', 'allow', '0190-nothing').status, 1, 'an unknown id');
  });
}

async function programs(checks) {
  await staged(checks, 'git commits, checks out and is kept from deleting; sqlite and sed work', async (stage) => {
    const git = (...args) => ['run', '/usr/bin/git', '-C', '@', '-c', 'user.name=a', '-c', 'user.email=a', ...args];
    const inside = (text) => spawnSync('/bin/sh', ['-ec', text], { cwd: stage.folder, encoding: 'utf8' });
    inside('git init -q -b main . && git config gc.auto 0');
    stage.own();
    const done = await stage.work([
      ['write', '@/a.txt', 'one\n'], git('add', '.'), git('commit', '-qm', 'one'), ['write', '@/a.txt', 'two\n'],
      git('commit', '-qam', 'two'), git('checkout', '-q', '-b', 'topic'), git('log', '--format=%s'),
    ]);
    equal(done.at(-1), 'two\none\n', JSON.stringify(done));
    const later = await stage.work([
      ['write', '@/b.txt', 'b\n'], git('add', '.'), git('commit', '-qm', 'three'), git('checkout', '-q', 'main'),
    ]);
    ensure(existsSync(stage.at('b.txt')) === false, 'a file of this call was not removed by its checkout');
    equal(later, ['ok', '', '', ''], 'a branch of one call');
    await stage.work([git('checkout', '-q', 'topic')]);
    await stage.work([git('checkout', '-q', 'main')]);
    ensure(existsSync(stage.at('b.txt')), 'a file of an earlier call was removed');
    ensure(stage.waiting().some((one) => one.arguments.path === stage.at('b.txt')), 'it does not wait');

    const sqlite = `import sqlite3; c = sqlite3.connect("${stage.folder}/db"); c.execute("create table if not exists `
      + `t(a)"); c.execute("insert into t values(1)"); c.commit(); print(c.execute("select count(*) from t").fetchone()[0])`;
    for (let i = 1; i <= 3; i++) equal(await stage.work([['run', 'python3', '-c', sqlite]]), [`${i}\n`], 'sqlite');
    equal(await stage.work([['run', 'sed', '-i', 's/two/three/', '@/a.txt'], ['read', '@/a.txt']]), ['', 'three\n'], 'sed');
    ensure(!readdirSync(stage.folder).some((name) => name.startsWith('sed') || name.endsWith('-journal')), 'litter');
  });
}

async function thousand(checks) {
  await staged(checks, '1,000 calls of one server, eight at a time, while the host edits', async (stage) => {
    const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
    await stage.work([]);
    const pid = await eventually(() => stage.home.records('status')[0].pid, 'status names the process');
    let refusals = 0;
    let edits = 0;
    const calls = async (name, lane) => {
      for (let i = 0; i < 125; i++) {
        if (i % 25 === 24) {                       // the host saves the same file, between two calls on it
          writeFileSync(`${stage.at(name)}.host`, `host ${i}`);
          renameSync(`${stage.at(name)}.host`, stage.at(name));
          if (process.getuid() === 0) spawnSync('chown', ['65534:65534', stage.at(name)]);
          edits++;
        }
        const before = stage.read(name);
        const [seen, saved, removed, made, gone, back] = await stage.work([
          ['read', `@/${name}`], ['save', `@/${name}`, `${lane} ${i}`], ['remove', '@/precious'],
          ['write', `@/own${lane}`, 'x'], ['remove', `@/own${lane}`], ['read', `@/${name}`],
        ]);
        equal([seen, saved, made, back], [before, 'ok', 'ok', `${lane} ${i}`], `call ${i} of ${name}`);
        equal(gone, 'ok', `call ${i}: its own file`);
        if (removed === 'EPERM') refusals++;
      }
    };
    await Promise.all(names.map((name, lane) => calls(name, lane)));
    equal([refusals, edits], [1000, 40], 'refusals and edits');
    equal(stage.read('precious'), 'never to go', 'what was there');
    equal(stage.waiting().map((one) => one.arguments.path), [stage.at('precious')], 'what waits');
    equal(readdirSync(stage.folder).sort(), [...names, 'precious'].sort(), 'the names');
    equal(stage.home.records('status')[0].pid, pid, 'the process: the server was started again');
    for (const name of names) {
      const texts = stage.kept(name).map(({ id }) => stage.content(id)).slice(0, 3);
      ensure(texts[0] === 'begin', `the first content of ${name}: ${texts}`);
    }
  }, undefined, { precious: 'never to go', ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`f${i}`, 'begin'])) });
}

// The gateway dies in the middle, again and again: the file is whole, and what it was is kept.
async function killed(checks) {
  await checks.test('a gateway that is killed while files change leaves each old or new', async (after) => {
    const size = 300_000;
    const stage = await Stage.open(undefined, { big: '0'.repeat(size) });
    after(() => stage.close());
    await stage.client.close();
    for (let round = 1; round <= 10; round++) {
      const peer = stage.home.stdio();
      await peer.initialize();
      const before = stage.read('big');
      const digit = String(round % 10);
      const path = stage.at('big');
      peer.send({ jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'files__work',
        arguments: { steps: [['save', path, digit.repeat(size)]] } } });
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      peer.process.kill('SIGKILL');
      await peer.exited;
      await eventually(() => mentioning(stage.folder).length === 0, 'nothing runs any more');
      const now = stage.read('big');
      ensure(now === before || now === digit.repeat(size), `round ${round}: neither old nor new`);
      if (now !== before) ensure(stage.kept('big').some(({ id }) => stage.content(id) === before), 'the old one is lost');
    }
  }, { seconds: 240 });
}
