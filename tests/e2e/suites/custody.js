// The gateway's side of staged scopes when others are at work too: what is kept while the host writes, what is allowed
// of something that changed in between, whose a restored file is, and what is on record when a call ends badly.

import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync,
  truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { mentioning } from '../lib/processes.js';
import { toolgate } from '../lib/programs.js';
import { Stage, staged } from '../lib/stage.js';

const megabyte = 1 << 20;

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await kept(checks);
  await allowed(checks);
  await owners(checks);
  await disk(checks);
  await records(checks);
  await killed(checks);
}

// What is on the disk is what the rows say, and there is nothing else.
function ensureExact(stage) {
  const rows = stage.home.records('kept', 'list');
  for (const { id, bytes } of rows) equal(statSync(join(stage.home.folder, 'kept', id)).size, bytes, `the size of ${id}`);
  equal(stage.stored().sort(), rows.map(({ id }) => id).sort(), 'the files of the rows');
}

// How often the server wrote to it.
function written(stage) {
  return stage.read('big').split('by the server').length;
}

async function kept(checks) {
  await staged(checks, 'a file that the host writes to while it is kept is kept whole, or not changed', async (stage) => {
    writeFileSync(stage.at('big'), Buffer.alloc(64 * megabyte, 'x'));
    stage.own();
    for (let round = 0; round < 5; round++) {
      const before = written(stage);
      let done = false;
      const call = stage.work([['append', '@/big', 'by the server']]).finally(() => { done = true; });
      const size = statSync(stage.at('big')).size;
      while (!done) {
        appendFileSync(stage.at('big'), 'by the host '.repeat(5000));
        if (round % 2 === 1) truncateSync(stage.at('big'), size);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const [said] = await call;
      ensure(['ok', 'EBUSY', 'EAGAIN'].includes(said), `round ${round}: ${said}`);
      if (said !== 'ok') equal(written(stage), before, `round ${round}: it changed although it was not kept`);
    }
    ensureExact(stage);
  });

  await staged(checks, 'a file with holes is kept as one, shown into a file at its end, and had again', async (stage) => {
    writeFileSync(stage.at('sparse'), 'begin');
    truncateSync(stage.at('sparse'), 256 * megabyte);
    stage.own();
    equal(await stage.work([['append', '@/sparse', 'end']]), ['ok'], 'the call');
    const [{ id }] = stage.kept('sparse');
    const { size, blocks } = statSync(join(stage.home.folder, 'kept', id));
    equal(size, 256 * megabyte, 'its size');
    ensure(blocks * 512 < megabyte, `it takes ${blocks * 512} bytes`);
    stage.home.mustRun('kept', 'restore', id);
    const restored = statSync(stage.at('sparse'));
    equal(restored.size, 256 * megabyte, 'the size of the file');
    ensure(restored.blocks * 512 < megabyte, `the file takes ${restored.blocks * 512} bytes`);

    await stage.work([['write', '@/small', '2']]);
    const [small] = stage.kept('small');
    const shell = `printf 0 > "$1"; "$2" kept show "$3" >> "$1"`;
    const shown = spawnSync('/bin/sh', ['-ec', shell, 'sh', stage.at('shown'), toolgate, small.id],
      { env: stage.home.environment, encoding: 'utf8' });
    equal([shown.status, stage.read('shown')], [0, '01'], `shown at the end of a file: ${shown.stderr}`);
  }, undefined, { small: '1' });
}

async function allowed(checks) {
  await staged(checks, 'allowing the move of a folder that was filled in between makes no hook', async (stage) => {
    mkdirSync(stage.at('d'));
    stage.own();
    equal(await stage.work([['move', '@/d', '@/.git']]), ['EPERM'], 'the move');
    equal(await stage.work([['mkdir', '@/d/hooks'], ['write', '@/d/hooks/pre-commit', '#!/bin/sh\n'], ['write', '@/d/config', 'x']]),
      ['ok', 'ok', 'ok'], 'names that are free there');
    const [{ id }] = stage.waiting();
    const { status, stderr } = stage.home.run('approvals', 'allow', id);
    ensure(status === 1 && /protected name/.test(stderr), `${status} ${stderr}`);
    equal([existsSync(stage.at('.git')), readdirSync(stage.at('d')).sort()], [false, ['config', 'hooks']], 'the names');
    const outcome = stage.recorded('file.outcome').at(-1);
    equal([outcome.decision, outcome.arguments.id], ['error', id], 'the record of what came of it');
    ensure(/protected name/.test(outcome.reason), outcome.reason);
    rmSync(stage.at('d/hooks'), { recursive: true });
    unlinkSync(stage.at('d/config'));
    stage.home.mustRun('approvals', 'allow', id);
    equal(existsSync(stage.at('.git')), true, 'without them it is made');
    equal(stage.recorded('file.outcome').at(-1).decision, 'allow', 'the record');
  });

  await staged(checks, 'allowing a replacement whose target was exchanged replaces nothing; a link can be had again', async (stage) => {
    symlinkSync('junk', stage.at('link'));
    stage.own();
    equal(await stage.work([['write', '@/n', 'new'], ['move', '@/n', '@/link']]), ['ok', 'EPERM'], 'the call');
    const [{ id, effect }] = stage.waiting();
    equal(effect, 'replace', 'what waits');
    unlinkSync(stage.at('link'));
    writeFileSync(stage.at('link'), 'precious');
    stage.own();
    const { status, stderr } = stage.home.run('approvals', 'allow', id);
    ensure(status === 1 && /another file/.test(stderr), `${status} ${stderr}`);
    equal([stage.read('link'), stage.read('n')], ['precious', 'new'], 'the files');

    symlinkSync('some/where', stage.at('other'));
    await stage.work([['remove', '@/other']]);
    const removal = stage.waiting().find((one) => one.arguments.path === stage.at('other'));
    stage.home.mustRun('approvals', 'allow', removal.id);
    ensure(!existsSync(stage.at('other')), 'it is still there');
    const [content] = stage.kept('other');
    equal(content.kind, 'link', 'what was kept');
    equal(stage.content(content.id), 'some/where', 'where it led to');
    stage.home.mustRun('kept', 'restore', content.id);
    equal(readlinkSync(stage.at('other')), 'some/where', 'the link');
  });
}

// A sandbox of root shows a scope of root through an id-mapped mount, where its owner has another number.
async function owners(checks) {
  for (const owner of process.getuid() === 0 ? [0, 65534] : [process.getuid()]) {
    await staged(checks, `a restored file is whose it was: ${owner}`, async (stage) => {
      equal(await stage.work([['save', '@/a', 'two'], ['write', '@/b', 'two']]), ['ok', 'ok'], 'the call');
      for (const name of ['a', 'b']) {
        const [{ id }] = stage.kept(name);
        stage.home.mustRun('kept', 'restore', id);
        const { uid, gid, mode } = lstatSync(stage.at(name));
        equal([stage.read(name), uid, gid, mode & 0o777], ['one', owner, process.getuid() === 0 ? owner : gid, 0o644], name);
      }
    }, undefined, { a: 'one', b: 'one' }, owner);
  }
}

// The disk of what is kept, in the place of that of the home.
async function disk(checks) {
  if (process.getuid() !== 0) return;
  await staged(checks, 'too little room on the disk of the home: nothing changes, and it is on record', async (stage) => {
    const kept = join(stage.home.folder, 'kept');
    const mount = (...options) => equal(spawnSync('mount', [...options, kept]).status, 0, `mount ${options}`);
    mount('-t', 'tmpfs', '-o', 'size=200m', 'none');
    try {
      equal(await stage.work([['write', '@/a', 'two'], ['save', '@/b', 'two'], ['write', '@/new', 'x']]),
        ['ENOSPC', 'ENOSPC', 'ok'], 'the call');
      equal([stage.read('a'), stage.read('b')], ['one', 'one'], 'the files');
      const { files } = stage.lastOutcome();
      equal(files.map(({ effect, path, waits, id }) => ({ effect, path, waits, id })),
        ['a', 'b'].map((name) => ({ effect: 'not_kept', path: stage.at(name), waits: false, id: undefined })), 'its files');
      ensure(/make room/.test(files[0].reason), files[0].reason);
      equal(await stage.work([], [['write', '@/a', 'two']]), [], 'the next call');
      const refused = await eventually(() => stage.recorded('file.not_kept')[0], 'what comes after it is on record');
      equal([refused.decision, refused.files[0].path], ['deny', stage.at('a')], 'the record');
      mount('-o', 'remount,size=1g');
      equal(await stage.work([['write', '@/a', 'two']]), ['ok'], 'with more room');
      equal(stage.lastOutcome().files.map(({ effect }) => effect), ['change'], 'its record');
    } finally {
      spawnSync('umount', [kept]);
    }
  }, undefined, { a: 'one', b: 'one' });
}

async function records(checks) {
  await staged(checks, 'a call that changes files and then dies has them on its record', async (stage) => {
    await stage.call('work', { steps: [['write', stage.at('a'), 'two'], ['remove', stage.at('b')], ['die']] }).catch(() => {});
    const outcome = await eventually(() => stage.lastOutcome(), 'the outcome is on record');
    equal(outcome.decision, 'error', 'its decision');
    equal(outcome.files.map(({ effect, path, waits }) => ({ effect, path, waits })),
      [{ effect: 'change', path: stage.at('a'), waits: false }, { effect: 'remove', path: stage.at('b'), waits: true }], 'its files');
    equal(outcome.files[0].id, stage.kept('a')[0].id, 'the kept content');
    equal(outcome.files[1].id, stage.waiting()[0].id, 'the decision');
  }, undefined, { a: 'one', b: 'one' });

  await staged(checks, 'a call that is cancelled has what it changed on its record', async (stage) => {
    const steps = [['write', stage.at('a'), 'two'], ['remove', stage.at('b')], ['wait', 3000]];
    const cancelled = await stage.client.callTool({ name: 'files__work', arguments: { steps } }, undefined, { timeout: 1000 })
      .then(() => false, () => true);
    ensure(cancelled, 'it was not cancelled');
    const outcome = await eventually(() => stage.lastOutcome(), 'the outcome is on record');
    equal([outcome.decision, outcome.files.map(({ effect, path }) => ({ effect, path }))],
      ['error', [{ effect: 'change', path: stage.at('a') }, { effect: 'remove', path: stage.at('b') }]], 'its files');
  }, undefined, { a: 'one', b: 'one' });

  await staged(checks, 'what a server does between calls is on a record of its own', async (stage) => {
    equal(await stage.work([], [['write', '@/a', 'two'], ['remove', '@/b']]), [], 'the call');
    const held = await eventually(() => stage.recorded('file.held')[0], 'it is on record');
    equal([held.server, held.files.map(({ effect, path }) => ({ effect, path }))],
      ['files', [{ effect: 'remove', path: stage.at('b') }]], 'what was refused');
    equal(held.files[0].id, stage.waiting()[0].id, 'the decision');
    const changed = await eventually(() => stage.recorded('file.change')[0], 'what changed is on record');
    equal([changed.files[0].path, changed.files[0].id], [stage.at('a'), stage.kept('a')[0].id], 'what changed');
  }, undefined, { a: 'one', b: 'one' });

  await staged(checks, 'what an agent does in its own sandbox is on record, with its name', async (stage) => {
    const workspace = mkdtempSync('/var/tmp/toolgate-agent-');
    try {
      if (process.getuid() === 0) spawnSync('chown', ['65534:65534', workspace]);
      const { status, stderr } = stage.home.run('run', '--agent', 'tester', '--workspace', workspace, '--rw-no-delete', stage.folder,
        '--', '/bin/sh', '-c', `echo two > ${stage.at('a')}; rm -f ${stage.at('b')}; exit 0`);
      equal(status, 0, stderr);
      const [held] = stage.recorded('file.held');
      equal([held?.server, held?.agent, held?.files[0].path, held?.files[0].id],
        ['agent', 'tester', stage.at('b'), stage.waiting()[0]?.id], 'what was refused');
      const [changed] = stage.recorded('file.change');
      equal([changed?.agent, changed?.files[0].path, stage.content(changed?.files[0].id)], ['tester', stage.at('a'), 'one'], 'what changed');
      stage.home.mustRun('approvals', 'allow', held.files[0].id);
      ensure(!existsSync(stage.at('b')), 'it is still there');
    } finally {
      rmSync(workspace, { recursive: true, force: true });
    }
  }, undefined, { a: 'one', b: 'one' });

  await staged(checks, '2,000 refusals of one call are in one record, each with its decision', async (stage) => {
    const steps = Array.from({ length: 2000 }, (_, i) => ['remove', `@/n${i % 900}`]);
    for (let i = 0; i < 900; i++) writeFileSync(stage.at(`n${i}`), '');
    stage.own();
    const said = await stage.work(steps);
    equal(said.filter((one) => one !== 'EPERM'), [], 'the call');
    const outcome = stage.lastOutcome();
    equal([outcome.files.length, outcome.files.at(-1)], [101, { more: 1900 }], 'its record');
    equal(outcome.files.slice(0, 100).every(({ id }) => id), true, 'the ids of the decisions');
    equal(stage.waiting().length, 900, 'what waits');
  });
}

// In the middle of a copy: no row, and soon no file either.
async function killed(checks) {
  await checks.test('a gateway that is killed while it keeps something leaves nothing that is never counted', async (after) => {
    const stage = await Stage.open();
    after(() => stage.close());
    writeFileSync(stage.at('big'), Buffer.alloc(256 * megabyte, 'x'));
    stage.own();
    await stage.client.close();
    let seen = 0;
    for (let round = 0; round < 4; round++) {
      const peer = stage.home.stdio();
      await peer.initialize();
      peer.send({ jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'files__work',
        arguments: { steps: [['append', stage.at('big'), 'y']] } } });
      const before = stage.stored().length;
      for (const end = Date.now() + 5000; Date.now() < end && stage.stored().length === before;) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      peer.process.kill('SIGKILL');
      await peer.exited;
      await eventually(() => mentioning(stage.folder).length === 0, 'nothing runs any more');
      if (stage.stored().length > stage.home.records('kept', 'list').length) seen++;
      const next = stage.home.stdio();
      await next.initialize();
      ensureExact(stage);
      await next.close();
    }
    ensure(seen > 0, 'no file without a row was ever left behind: nothing was tried');
  }, { seconds: 240 });
}
