// Frozen packages: what npm brings is kept once, runs from its read-only copy, and is compared with its
// manifest at each start. Most of it with packages of a registry of the test's own, which may be as bad as the
// test likes; at the end with published ones.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectHttp, connectStdio, listAll } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { build, e2eFolder, echoServer, toolgate } from '../lib/programs.js';
import { Registry } from '../lib/registry.js';

const echoSource = readFileSync(echoServer, 'utf8');
const npx = (spec, args = [], more) => local('npx', ['-y', spec, ...args], more);

function echoPackage(version = '1.0.0', more = {}) {
  return { name: 'echo-server', version, type: 'module', bin: { 'echo-server': 'index.js' }, ...more };
}

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await copies(checks);
  await sources(checks);
  await attacks(checks);
  await accidents(checks);
  await published(checks);
}

// A registry with one package, and a home whose servers come from it.
async function scene(after, servers, { publish = true } = {}) {
  const registry = await Registry.start();
  after(() => registry.close());
  if (publish) registry.publish(echoPackage(), { 'index.js': echoSource });
  const home = await Home.create(servers, { approve: false });
  after(() => home.close());
  home.environment.HOME = registry.userHome;
  delete home.environment.npm_config_cache;
  return { registry, home };
}

function freeze(home, server = 'echo') {
  return home.records('freeze', server)[0];
}

function freezeFails(home, pattern, server = 'echo') {
  const { status, stderr } = home.run('freeze', server);
  equal(status, 1, 'the exit status');
  ensure(pattern.test(stderr), `it says: ${stderr}`);
  return stderr;
}

async function frozenAndApproved(after, servers = { echo: npx('echo-server@1.0.0', ['frozen']) }) {
  const { registry, home } = await scene(after, servers);
  const frozen = freeze(home);
  await home.approve(['echo']);
  return { registry, home, frozen };
}

async function call(home, name = 'echo__echo', args = { text: 'hello' }) {
  const client = await connectStdio(home.stdioParameters());
  try {
    const result = await client.callTool({ name, arguments: args });
    return { text: result.content.map(({ text }) => text).join(''), isError: result.isError === true };
  } catch (error) {
    return { text: error.message, isError: true };
  } finally {
    await client.close();
  }
}

function packageFolders(home) {
  return readdirSync(join(home.folder, 'packages')).filter((name) => name !== '.lock' && name !== 'commands');
}

async function copies(checks) {
  await checks.test('a frozen server runs its copy: no npx, no registry', async (after) => {
    const { registry, home, frozen } = await frozenAndApproved(after);
    equal([frozen.package, frozen.version, frozen.state], ['echo-server', '1.0.0', 'frozen'], 'what it says');
    ensure(existsSync(join(frozen.folder, 'tree', frozen.entry)), 'the entry is not there');
    await registry.stop();
    const before = registry.requests.length;
    equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer');
    equal(registry.requests.length, before, 'requests to the registry');
    const shown = home.records('review', 'echo');
    const [interpreter, entry, ...args] = shown[0].command;
    equal([interpreter, args], [frozen.interpreter, ['frozen']], 'what runs, by what, with what');
    ensure(/^\/(media|srv|mnt|opt)\/tree\//.test(entry) && entry.endsWith(frozen.entry), `it runs ${entry}`);
    equal(shown.map(({ state }) => state), ['approved', 'approved', 'approved'], 'what was approved');
    equal(home.records('status')[0].artefact, frozen.artefact, 'the artefact of status');
    ensure(home.records('audit', 'query').some(({ kind, pin }) => kind === 'freeze' && pin === frozen.artefact),
      'no record of the freeze');
    const doctor = home.run('doctor', '--json').stdout;
    ensure(/"frozen:echo","state":"ok"/.test(doctor), `doctor says: ${doctor}`);
  });
  await checks.test('install scripts do not run, and nothing of a server\'s environment reaches npm', async (after) => {
    const marker = { env: { npm_config_registry: 'http://127.0.0.1:9/', npm_config_ignore_scripts: 'false' } };
    const { registry, home } = await scene(after, { echo: npx('echo-server', [], marker) }, { publish: false });
    const mark = join(registry.folder, 'script-ran');
    const scripts = { preinstall: `touch ${mark}`, install: `touch ${mark}`, postinstall: `touch ${mark}` };
    registry.publish({ name: 'helper', version: '1.0.0', scripts }, { 'index.js': '' });
    registry.publish(echoPackage('1.0.0', { scripts, dependencies: { helper: '^1' } }), { 'index.js': echoSource });
    registry.npmrc('ignore-scripts=false', 'global=true', 'package-lock=false', 'save=false');
    const frozen = freeze(home);
    equal(frozen.packages, 2, 'packages');
    ensure(!existsSync(mark), 'an install script ran');
    await home.approve(['echo']);
    equal((await call(home)).isError, false, 'an error');
    ensure(!existsSync(mark), 'an install script ran at the start');
  });
  await checks.test('a range is resolved once; another version is held, in a running gateway too', async (after) => {
    const { registry, home, frozen } = await frozenAndApproved(after, { echo: npx('echo-server@^1', ['frozen']) });
    registry.publish(echoPackage('1.1.0'), { 'index.js': echoSource.replace('Sends back', 'Sends home') });
    const serving = await home.serve();
    const client = await connectHttp(serving.url);
    after(() => client.close());
    const names = async () => (await listAll(client, 'listTools', 'tools')).map(({ name }) => name);
    equal(await names(), ['echo__echo', 'echo__verbatim'], 'the tools before');
    const again = freeze(home);
    equal([again.version, again.state], ['1.1.0', 'frozen'], 'what it says');
    ensure(again.artefact !== frozen.artefact, 'it is the same artefact');
    await eventually(async () => (await names()).length === 0, 'the tools are held');
    equal(home.records('review', 'echo').map(({ kind, state }) => [kind, state]),
      [['capabilities', 'new'], ['tool', 'new'], ['tool', 'new']], 'what waits');
    home.mustRun('approve', 'echo');
    await eventually(async () => (await names()).length === 2, 'the tools are back');
  });
  await checks.test('the same version with other bytes is another artefact', async (after) => {
    const { registry, home, frozen } = await frozenAndApproved(after);
    registry.publish(echoPackage(), { 'index.js': `${echoSource}\n// one more line\n` });
    const again = freeze(home);
    equal(again.version, frozen.version, 'the version');
    ensure(again.artefact !== frozen.artefact, 'it is the same artefact');
    ensure((await call(home)).isError, 'the call was let through');
  });
  await checks.test('a version that changes in the configuration needs a freeze of its own', async (after) => {
    const { home } = await frozenAndApproved(after);
    home.write({ mcpServers: { echo: npx('echo-server@1.0.1', ['frozen']) } });
    equal(home.records('status')[0].artefact, null, 'the artefact');
    ensure((await call(home)).isError, 'the call was let through');
  });
  await checks.test('review freezes first what will run in a sandbox, and says so', async (after) => {
    const { home } = await scene(after, { echo: { command: 'npx', args: ['-y', 'echo-server@1.0.0'] } });
    const { stderr } = home.run('review', 'echo', '--json');
    ensure(/echo is an npm package that is not frozen yet: freezing it first/.test(stderr), `it says: ${stderr}`);
    equal(packageFolders(home).length, 1, 'frozen packages');
    ensure(/^sha256:/.test(home.records('status')[0].artefact ?? ''), 'it has no artefact');
    ensure(!/freezing/.test(home.run('review', 'echo', '--json').stderr), 'it was frozen again');
  });
}

async function sources(checks) {
  const refused = {
    'a git address': ['git+https://127.0.0.1:9/a.git', /comes from git/],
    'a repository in short': ['owner/repository', /comes from git/],
    'a name from git': ['echo-server@git+ssh://git@127.0.0.1/a.git', /is an address/],
    'a tarball\'s address': ['http://127.0.0.1:9/a.tgz', /tarball's address/],
    'a file': ['file:./a', /a file or a folder/],
    'an alias': ['echo@npm:echo-server', /an alias/],
  };
  await checks.test('what cannot be frozen is refused, before npm runs, and told what to do', async (after) => {
    const { registry, home } = await scene(after, {
      ...Object.fromEntries(Object.entries(refused).map(([, [spec]], at) => [`s${at}`, npx(spec)])),
      python: local('uvx', ['some-server']), line: local('node', ['-e', '1']),
      image: local('docker', ['run', 'some/image']),
      shell: local('npx', ['-c', 'echo-server']),
      registry: local('npx', ['--registry=http://127.0.0.1:9/', 'echo-server']),
    });
    Object.values(refused).forEach(([, why], at) => freezeFails(home, why, `s${at}`));
    freezeFails(home, /python3 FOLDER\/server\.py/, 'python');
    freezeFails(home, /may load or run other code/, 'line');
    freezeFails(home, /IMAGE@sha256/, 'image');
    freezeFails(home, /a line for a shell/, 'shell');
    freezeFails(home, /option of npm's/, 'registry');
    equal(registry.requests, [], 'requests to the registry');
    equal(home.run('freeze', 'nobody').status, 1, 'the exit status for an unknown server');
    equal(home.run('freeze').status, 2, 'the exit status without a server');
  });
  for (const [name, dependency] of [
    ['from git', 'git+https://127.0.0.1:9/a.git'], ['from an address', 'http://127.0.0.1:9/a.tgz'],
  ]) {
    await checks.test(`a package that needs another ${name} is refused`, async (after) => {
      const { registry, home } = await scene(after, { echo: npx('echo-server') });
      registry.publish(echoPackage('2.0.0', { dependencies: { other: dependency } }), { 'index.js': echoSource });
      freezeFails(home, /elsewhere than a registry|npm could not install/);
      equal(packageFolders(home), [], 'what is left');
    });
  }
  await checks.test('bytes that are not what the registry names are refused', async (after) => {
    const { registry, home } = await scene(after, { echo: npx('echo-server') }, { publish: false });
    registry.npmrc('fetch-retries=0', 'fetch-timeout=2000');
    registry.publish(echoPackage(), { 'index.js': echoSource }, { integrity: `sha512-${'A'.repeat(86)}==` });
    freezeFails(home, /what came is not what the registry names/);
    equal(packageFolders(home), [], 'what is left');
  });
  await checks.test('a project\'s .npmrc where the command is given says nothing', async (after) => {
    const { registry, home } = await scene(after, { echo: npx('echo-server') });
    const project = join(registry.folder, 'project');
    mkdirSync(project);
    writeFileSync(join(project, '.npmrc'), 'registry=http://127.0.0.1:9/\nignore-scripts=false\n');
    home.mustRunIn(project, 'freeze', 'echo');
    ensure(registry.requests.includes('/echo-server'), 'the registry was not asked');
  });
  await checks.test('of several programs one must be named', async (after) => {
    const bin = { one: 'index.js', two: 'two.js' };
    const { registry, home } = await scene(after, {
      echo: npx('@scope/many@1'), named: local('npx', ['-y', '-p', '@scope/many@1', 'one', 'one']),
      other: local('npx', ['-y', '-p', '@scope/many@1', 'three']),
    }, { publish: false });
    registry.publish({ ...echoPackage(), name: '@scope/many', bin }, { 'index.js': echoSource, 'two.js': echoSource });
    freezeFails(home, /several programs: name one/);
    freezeFails(home, /no program called three/, 'other');
    equal(freeze(home, 'named').entry, 'node_modules/@scope/many/index.js', 'the entry');
    await home.approve(['named']);
    equal((await call(home, 'named__echo')).text, 'one:hello', 'the answer');
  });
}

// Somebody with this user's rights, outside of any sandbox, changes what lies on the disk.
const changes = {
  'a file changed': {
    change: ({ entry }) => edit(entry, (text) => text.replace('hello', 'HELLO').replace('text', 'TEXT')),
    says: /index\.js was changed/,
  },
  'a file added': {
    change: ({ server }) => inside(server, () => writeFileSync(join(server, 'added.js'), '', { mode: 0o444 })),
    says: /added\.js was added/,
  },
  'a file removed': {
    change: ({ server }) => inside(server, () => rmSync(join(server, 'package.json'))),
    says: /package\.json is missing/,
  },
  'a file made a symlink to an equal one': {
    change: ({ entry, server, home }) => inside(server, () => {
      const copy = join(home.folder, 'copy.js');
      writeFileSync(copy, readFileSync(entry));
      rmSync(entry);
      symlinkSync(copy, entry);
    }),
    says: /index\.js was made a symbolic link/,
  },
  'a mode changed': { change: ({ entry }) => chmodSync(entry, 0o755), says: /index\.js has another mode/ },
  'the package removed': {
    change: ({ folder }) => {
      spawnSync('chmod', ['-R', 'u+w', folder]);
      rmSync(folder, { recursive: true });
    },
    says: /its frozen package is missing/,
  },
  'the manifest edited': {
    change: ({ folder }) => inside(folder, () =>
      edit(join(folder, 'manifest'), (text) => text.replace('1.0.0', '1.0.1'))),
    says: /manifest was changed/,
  },
  'the manifest edited to fit a changed file': {
    change: ({ entry, folder }) => {
      edit(entry, (text) => `${text}\n`);
      inside(folder, () => edit(join(folder, 'manifest'), (text) => text.replace(/^(x|f) \d+ \w+ (.*index\.js)$/m,
        `$1 ${readFileSync(entry).length} ${spawnSync('sha256sum', [entry]).stdout.toString().slice(0, 64)} $2`)));
    },
    says: /manifest was changed/,
  },
};

function inside(folder, change) {
  chmodSync(folder, 0o755);
  change();
  chmodSync(folder, 0o555);
}

function edit(file, change) {
  const text = readFileSync(file, 'utf8');
  ensure(change(text) !== text, 'the test changes nothing');
  chmodSync(file, 0o644);
  writeFileSync(file, change(text));
  chmodSync(file, file.endsWith('.js') ? 0o555 : 0o444);
}

async function attacks(checks) {
  for (const [name, { change, says }] of Object.entries(changes)) {
    await checks.test(`after the freeze, ${name}: no start, a record, and a freeze mends it`, async (after) => {
      const { home, frozen } = await frozenAndApproved(after);
      const entry = join(frozen.folder, 'tree', frozen.entry);
      const server = join(frozen.folder, 'tree', 'node_modules', 'echo-server');
      change({ home, folder: frozen.folder, entry, server });
      ensure((await call(home)).isError, 'the call was let through');
      const exits = () => home.records('audit', 'query', '--kind', 'server.exit');
      ensure(exits().some(({ reason }) => says.test(reason) && /toolgate freeze echo/.test(reason)),
        `the records say: ${JSON.stringify(exits())}`);
      const { status, stdout } = home.run('review', 'echo', '--json');
      equal(status, 1, 'the exit status of review');
      ensure(says.test(stdout), `review says: ${stdout}`);
      equal(freeze(home).artefact, frozen.artefact, 'the artefact of another freeze');
      equal(await call(home), { text: 'frozen:hello', isError: false }, 'the answer after it');
    });
  }
  await checks.test('an edited record runs nothing that was approved', async (after) => {
    const { home, frozen } = await frozenAndApproved(after);
    const records = join(home.folder, 'packages', 'commands');
    const file = join(records, readdirSync(records)[0]);
    const good = readFileSync(file, 'utf8');
    for (const bad of [good.replace(/sha256:\w{4}/, 'sha256:0000'), good.slice(0, 40), '']) {
      writeFileSync(file, bad);
      ensure((await call(home)).isError, 'the call was let through');
      equal(home.run('review', 'echo', '--json').status, 1, 'the exit status of review');
    }
    writeFileSync(file, good);
    equal((await call(home)).isError, false, `an error with ${frozen.artefact}`);
  });
}

async function accidents(checks) {
  await checks.test('a registry that does not answer: npm\'s last lines, and what to do', async (after) => {
    const { registry, home } = await scene(after, { echo: npx('echo-server') });
    registry.npmrc('fetch-retries=0');
    await registry.stop();
    const told = freezeFails(home, /npm could not install echo-server: check the network/);
    ensure(/ECONNREFUSED/.test(told), `it says: ${told}`);
    equal(packageFolders(home), [], 'what is left');
  });
  await checks.test('a package that there is not', async (after) => {
    const { home } = await scene(after, { echo: npx('echo-serve') });
    freezeFails(home, /check the package's name/);
  });
  await checks.test('two freezes at once, and one that was killed', async (after) => {
    const { home } = await scene(after, { echo: npx('echo-server@1.0.0'), twin: npx('echo-server@1.0.0') });
    const start = (server) => spawn(toolgate, ['freeze', server], { env: home.environment, stdio: 'ignore' });
    const killed = start('echo');
    await eventually(() => existsSync(join(home.folder, 'packages')) &&
      packageFolders(home).some((name) => name.startsWith('.staging-')), 'it has begun');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const both = [start('echo'), start('twin')];
    equal(await Promise.all(both.map(async (one) => (await once(one, 'exit'))[0])), [0, 0], 'the exit statuses');
    equal(packageFolders(home).length, 1, 'packages');
    equal(new Set(home.records('status').map(({ artefact }) => artefact)).size, 1, 'artefacts');
  });
}

async function published(checks) {
  const { dependencies } = JSON.parse(readFileSync(join(e2eFolder, 'package.json'), 'utf8'));
  const cases = {
    '@modelcontextprotocol/server-everything': [[], 'echo', { message: 'round trip' }, /round trip/],
    '@modelcontextprotocol/server-filesystem': [['${workspace}'], 'list_allowed_directories', {}, /toolgate-e2e-/],
  };
  for (const [name, [options, tool, args, says]] of Object.entries(cases)) {
    await checks.test(`${name}, frozen, approved and called`, async (after) => {
      const real = npx(`${name}@${dependencies[name]}`, options);
      const home = await Home.create({ real }, { approve: false });
      after(() => home.close());
      home.environment.npm_config_cache = join(build, 'npm-cache');
      const frozen = freeze(home, 'real');
      equal([frozen.package, frozen.version], [name, dependencies[name]], 'what it says');
      await home.approve(['real']);
      const { text, isError } = await call(home, `real__${tool}`, args);
      ensure(!isError && says.test(text), `it says: ${text}`);
      equal(freeze(home, 'real').state, 'unchanged', 'the state after another freeze');
    }, { seconds: 300 });
  }
}
