// What a frozen server runs from: in every tier the verified copy that it alone sees, whatever happens to the
// package on the disk before the start and during it; and folders, scripts and programs of this machine, which
// are frozen as packages are.

import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync,
  statSync, symlinkSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensure, equal } from '../lib/checks.js';
import { connectStdio } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { echoServer, helperProgram } from '../lib/programs.js';
import { missingFor } from '../lib/tiers.js';

const source = readFileSync(echoServer, 'utf8');

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await tiers(checks);
  await attacks(checks);
  await signatures(checks);
  await races(checks);
}

// A project folder with the server, and a home whose server "echo" is that; frozen and approved.
async function scene(after, { toolgate, command, change } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-frozen-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  writeFileSync(join(project, 'server.js'), source, { mode: 0o755 });
  change?.(folder);
  const words = command?.(folder) ?? ['node', join(project, 'server.js')];
  const entry = toolgate === undefined ? local(words[0], [...words.slice(1), 'frozen'])
    : { command: words[0], args: [...words.slice(1), 'frozen'], toolgate };
  const home = await Home.create({ echo: entry }, { approve: false });
  after(() => home.close());
  const frozen = home.records('freeze', 'echo')[0];
  await home.approve(['echo']);
  return { home, folder, project, frozen };
}

async function call(home) {
  const client = await connectStdio(home.stdioParameters());
  try {
    const result = await client.callTool({ name: 'echo__echo', arguments: { text: 'hello' } });
    return { text: result.content.map(({ text }) => text).join(''), isError: result.isError === true };
  } catch (error) {
    return { text: error.message, isError: true };
  } finally {
    await client.close();
  }
}

async function refuses(home, pattern) {
  ensure((await call(home)).isError, 'the call was let through');
  const exits = home.records('audit', 'query', '--kind', 'server.exit');
  ensure(exits.some(({ reason }) => pattern.test(reason) && /toolgate freeze echo/.test(reason)),
    `the records say: ${JSON.stringify(exits)}`);
}

async function tiers(checks) {
  const isolations = { none: undefined, process: {}, gvisor: { isolation: 'gvisor' }, vm: { isolation: 'vm' } };
  for (const [name, toolgate] of Object.entries(isolations)) {
    const missing = missingFor(name);
    if (missing) {
      checks.skip(`a folder, frozen, runs from its verified copy: ${name}`, missing);
      continue;
    }
    const seconds = name === 'vm' ? 240 : 120;
    await checks.test(`a folder, frozen, runs from its verified copy: ${name}`, async (after) => {
      const more = name === 'vm' ? { ...toolgate, limits: { start_ms: 200_000 } } : toolgate;
      const { home, project, frozen } = await scene(after, { toolgate: more });
      equal([frozen.origin, frozen.package, frozen.entry], ['directory', 'project', 'server.js'], 'what is frozen');
      equal(frozen.interpreter, realpathSync(spawnSync('which', ['node']).stdout.toString().trim()), 'by what');
      rmSync(project, { recursive: true });
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer');
      ensure(!existsSync('/media/tree') && !existsSync('/srv/tree'), 'the copy is seen outside');
    }, { seconds });
  }
  await checks.test('a script alone, and one that names its interpreter itself', async (after) => {
    const alone = (folder) => {
      copyFileSync(join(folder, 'project/server.js'), join(folder, 'alone.mjs'));
      return join(folder, 'alone.mjs');
    };
    for (const command of [(folder) => ['node', alone(folder)], (folder) => [alone(folder)]]) {
      const { home, frozen, folder } = await scene(after, { command, toolgate: {} });
      equal([frozen.origin, frozen.files], ['file', 1], 'what is frozen');
      unlinkSync(join(folder, 'alone.mjs'));
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer');
    }
  });
}

function inside(folder, change) {
  chmodSync(folder, 0o755);
  change();
  chmodSync(folder, 0o555);
}

const changes = {
  'a file changed': [/server\.js was changed/, ({ tree }) => {
    const file = join(tree, 'server.js');
    chmodSync(file, 0o755);
    writeFileSync(file, readFileSync(file, 'utf8').replace('text', 'TEXT'));
    chmodSync(file, 0o555);
  }],
  'a file added': [/added\.js was added/, ({ tree }) => inside(tree, () =>
    writeFileSync(join(tree, 'added.js'), '', { mode: 0o444 }))],
  'a symlink out of the tree in the place of a file': [/package\.json was made a symbolic link/,
    ({ tree, folder }) => inside(tree, () => {
      copyFileSync(join(tree, 'package.json'), join(folder, 'out.json'));
      unlinkSync(join(tree, 'package.json'));
      symlinkSync(join(folder, 'out.json'), join(tree, 'package.json'));
    })],
  'a hard link in the place of a file': [/package\.json has a second name/, ({ tree, folder }) => inside(tree, () => {
    copyFileSync(join(tree, 'package.json'), join(folder, 'out.json'));
    chmodSync(join(folder, 'out.json'), 0o444);
    unlinkSync(join(tree, 'package.json'));
    linkSync(join(folder, 'out.json'), join(tree, 'package.json'));
  })],
  'a mode changed': [/package\.json has another mode/, ({ tree }) => chmodSync(join(tree, 'package.json'), 0o555)],
  'the folder of the tree exchanged for another': [/server\.js was changed/, ({ frozen, tree }) => {
    inside(frozen.folder, () => {
      spawnSync('mv', [tree, `${tree}-aside`]);
      spawnSync('cp', ['-r', `${tree}-aside`, tree]);
      chmodSync(join(tree, 'server.js'), 0o755);
      writeFileSync(join(tree, 'server.js'), readFileSync(join(tree, 'server.js'), 'utf8').replace('text', 'TEXT'));
      chmodSync(join(tree, 'server.js'), 0o555);
      chmodSync(tree, 0o555);
    });
  }],
};

async function attacks(checks) {
  for (const [name, [says, change]] of Object.entries(changes)) {
    await checks.test(`in a sandbox, ${name}: no start, and a record`, async (after) => {
      const { home, folder, frozen } = await scene(after, { toolgate: {} });
      change({ frozen, folder, tree: join(frozen.folder, 'tree') });
      await refuses(home, says);
      equal(home.records('freeze', 'echo')[0].artefact, frozen.artefact, 'the artefact of another freeze');
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer after it');
    });
  }
  for (const [name, toolgate] of [['without a sandbox', undefined], ['in a sandbox', {}]]) {
    await checks.test(`${name}, an interpreter that was swapped: no start, and a record`, async (after) => {
      const own = (folder) => join(folder, 'bin', 'node');
      const { home, folder, frozen } = await scene(after, {
        toolgate, change: (folder) => {
          mkdirSync(join(folder, 'bin'));
          copyFileSync(process.execPath, own(folder));
          chmodSync(own(folder), 0o777);
        },
        command: (folder) => [own(folder), join(folder, 'project/server.js')],
      });
      equal(frozen.interpreter, own(folder), 'the interpreter');
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer before');
      const wrapper = join(folder, 'wrapper');
      writeFileSync(wrapper, Buffer.concat([readFileSync(own(folder)), Buffer.from('x')]), { mode: 0o777 });
      spawnSync('mv', [wrapper, own(folder)]);
      await refuses(home, /its interpreter \S+ is not the one that it was frozen with/);
      const again = home.records('freeze', 'echo')[0];
      ensure(again.artefact !== frozen.artefact, 'the same artefact with another interpreter');
      ensure((await call(home)).isError, 'what was approved with another interpreter was let through');
      await home.approve(['echo']);
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer after all');
      ensure(statSync(own(folder)).size > 0, 'the interpreter is there');
    });
  }
}

// Two homes of publishers, whose keys sign, and a home whose server "echo" the first must have signed.
async function signedScene(after) {
  const [acme, other] = [await Home.create({}), await Home.create({})];
  after(() => Promise.all([acme.close(), other.close()]));
  const publishers = { acme: readFileSync(join(acme.folder, 'admin.key.pub'), 'utf8') };
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-signed-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  writeFileSync(join(project, 'server.js'), source);
  const echo = { command: 'node', args: [join(project, 'server.js'), 'frozen'], toolgate: { require_signature: 'acme' } };
  const home = await Home.create({ echo }, { approve: false, settings: { publishers } });
  after(() => home.close());
  const sign = (who, frozen, name) => {
    who.mustRun('sign', join(frozen.folder, 'manifest'), '--output', join(folder, name));
    return join(folder, name);
  };
  return { acme, other, home, folder, echo, publishers, sign };
}

async function signatures(checks) {
  await checks.test('a required signature: asked for, given, shown, and approved with', async (after) => {
    const { acme, other, home, sign } = await signedScene(after);
    const unfrozen = home.run('review', 'echo');
    ensure(unfrozen.status !== 0 && /it is not frozen; run `toolgate freeze echo`/.test(unfrozen.stderr + unfrozen.stdout),
      `review of what is not frozen says: ${unfrozen.stdout} ${unfrozen.stderr}`);

    const frozen = home.records('freeze', 'echo')[0];
    equal(frozen.signed_by, null, 'who signed it');
    ensure(/have \S+\/manifest signed by 'acme'/.test(home.mustRun('freeze', 'echo')), 'freeze does not say what to do');
    const unsigned = home.run('review', 'echo');
    ensure(unsigned.status !== 0 && /the signature is missing/.test(unsigned.stderr + unsigned.stdout),
      `review of what is not signed says: ${unsigned.stdout} ${unsigned.stderr}`);

    const wrong = home.run('freeze', 'echo', '--signature', sign(other, frozen, 'wrong.minisig'));
    ensure(wrong.status !== 0 && /the signature is by key/.test(wrong.stderr), `freeze says: ${wrong.stderr}`);
    ensure(home.records('audit', 'query', '--kind', 'freeze').some(({ decision, reason }) =>
      decision === 'deny' && /not signed by 'acme'/.test(reason)), 'there is no record of it');

    const given = home.records('freeze', 'echo', '--signature', sign(acme, frozen, 'good.minisig'))[0];
    equal([given.signed_by, given.artefact], ['acme', frozen.artefact], 'who signed what');
    ensure(/signed  by 'acme'/.test(home.mustRun('review', 'echo')), 'review does not show who signed it');
    await home.approve(['echo']);
    equal(home.records('status')[0].signed_by, 'acme', 'what status says');
    equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer');
  });

  const attacked = {
    'removed': [/the signature is missing/, ({ kept }) => unlinkSync(kept)],
    'exchanged for another publisher\'s': [/the signature is by key/, ({ kept, other, frozen, sign }) => {
      copyFileSync(sign(other, frozen, 'other.minisig'), kept);
    }],
    'of another file': [/belongs to another file/, ({ kept, acme, folder }) => {
      acme.mustRun('sign', join(folder, 'project/server.js'), '--output', join(folder, 'else.minisig'));
      copyFileSync(join(folder, 'else.minisig'), kept);
    }],
  };
  for (const [name, [says, attack]] of Object.entries(attacked)) {
    await checks.test(`a required signature, ${name}: no start, and a record`, async (after) => {
      const all = await signedScene(after);
      const { acme, home, sign } = all;
      const frozen = home.records('freeze', 'echo')[0];
      const signature = sign(acme, frozen, 'good.minisig');
      home.mustRun('freeze', 'echo', '--signature', signature);
      await home.approve(['echo']);
      inside(frozen.folder, () => attack({ ...all, frozen, kept: join(frozen.folder, 'manifest.minisig') }));
      await refuses(home, says);
      ensure(says.test(home.records('status')[0].last_error), 'status does not say it');
      home.mustRun('freeze', 'echo', '--signature', signature);
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer after it');
    });
  }

  await checks.test('a required signature, dropped or of another key: to be approved anew', async (after) => {
    const { acme, other, home, echo, publishers, sign } = await signedScene(after);
    const frozen = home.records('freeze', 'echo')[0];
    home.mustRun('freeze', 'echo', '--signature', sign(acme, frozen, 'good.minisig'));
    await home.approve(['echo']);
    const write = (toolgate, keys) => home.write({
      mcpServers: { echo: { ...echo, toolgate } }, toolgate: { publishers: keys },
    });
    write({}, publishers);
    ensure((await call(home)).isError, 'what was approved with a signature was let through without');
    write(echo.toolgate, { acme: readFileSync(join(other.folder, 'admin.key.pub'), 'utf8') });
    ensure((await call(home)).isError, 'a signature by a key that was revoked was let through');
    ensure(/the signature is by key/.test(home.records('status')[0].last_error), 'status does not say it');
    const row = home.run('doctor', '--json').stdout.split('\n').filter((line) => line.includes('"frozen:echo"'));
    ensure(row.length === 1 && /the signature is by key/.test(row[0]), `doctor says: ${row}`);
    write(echo.toolgate, {});
    ensure(/:\d+:\d+: no publisher is called 'acme'/.test(home.run('status').stderr), 'an unknown publisher is taken');
    write(echo.toolgate, publishers);
    equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer after all');
  });
}

async function races(checks) {
  for (const [tier, tries] of [['none', 2000], ['process', 1000]]) {
    await checks.test(`a writer during ${tries} starts (${tier}): refused, or the verified bytes`, async (after) => {
      const folder = mkdtempSync(join(tmpdir(), 'toolgate-race-'));
      after(() => spawnSync('chmod', ['-R', 'u+w', folder]) && rmSync(folder, { recursive: true, force: true }));
      const { stdout } = await promisify(execFile)(helperProgram('frozen_race'), [String(tries), tier, folder]);
      ensure(/, 0 ran others/.test(stdout), `it says: ${stdout}`);
    }, { seconds: 400 });
  }
}
