// Real harnesses, as their makers publish them on npm: `install` enters the gateway into their
// configuration, and their own commands have to find it there; `uninstall` gives them their bytes back.
// Their commands run without a network (proxies lead to a closed port), an account and the user's own home.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensure, equal } from '../lib/checks.js';
import { Home, local } from '../lib/gateway.js';
import { startModel } from '../lib/model.js';
import { e2eFolder, echoServer, modernNode } from '../lib/programs.js';
import { LinePeer } from '../lib/raw.js';

const packages = join(e2eFolder, 'harnesses', 'node_modules');
const closedPort = 'http://127.0.0.1:9';
const remoteServer = 'https://docs.example.com/mcp';

// `listed(output)`: the servers that the harness says it has, as {NAME: state}. `own` is a configuration of
// the user's own; the harness writes its first one itself where there is none. `add` are commands of the
// harness that put a local and a remote server into it, `imported` what `toolgate import` makes of them. `ask`
// has it work for a model at `url` and call a tool, whose name in that harness is `echo`.
const harnesses = [
  {
    client: 'claude-code', package: '@anthropic-ai/claude-code', entry: 'cli-wrapper.cjs', file: '.claude.json',
    connected: '✔ Connected', project: '⏸ Pending approval (run `claude` to approve)',
    listed: (output) => states(output, /^(\S+): .* - (\S .*)$/gm),
    add: [
      ['mcp', 'add', '-s', 'user', 'extra', '-e', 'K=v', '--', '/bin/true', 'a'],
      ['mcp', 'add', '-s', 'user', '-t', 'http', 'docs', remoteServer, '-H', 'X-A: b'],
    ],
    imported: {
      extra: { type: 'stdio', command: '/bin/true', args: ['a'], env: { K: 'v' } },
      docs: { type: 'http', url: remoteServer, headers: { 'X-A': 'b' } },
    },
    echo: 'mcp__toolgate__one__echo',
    ask: (url) => ({
      words: ['-p', 'Call the tool.', '--allowedTools', 'mcp__toolgate__one__echo'],
      environment: { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'not-a-key', MCP_CONNECTION_NONBLOCKING: 'false' },
    }),
  },
  {
    client: 'codex', package: '@openai/codex', entry: 'bin/codex.js', file: '.codex/config.toml',
    own: '# mine\nmodel = "x"\n\n[mcp_servers."a b"]\ncommand = "/bin/true" # "', connected: 'enabled',
    project: 'enabled',
    listed: (output) => states(output, /^(\S+(?: \S+)*) {2,}.* (enabled|disabled) /gm),
    add: [
      ['mcp', 'add', 'extra', '--env', 'K=v', '--', '/bin/true', 'a'],
      ['mcp', 'add', 'docs', '--url', remoteServer, '--bearer-token-env-var', 'DOCS_TOKEN'],
    ],
    imported: {
      extra: { command: '/bin/true', args: ['a'], env: { K: 'v' } },
      docs: { type: 'http', url: remoteServer, headers: { Authorization: 'Bearer ${DOCS_TOKEN}' } },
    },
  },
  {
    client: 'gemini', package: '@google/gemini-cli', entry: 'bundle/gemini.js', file: '.gemini/settings.json',
    own: '{\r\n\t// mine\r\n\t"ui": { "theme": "Default" }\r\n}', connected: 'Connected', project: 'Connected',
    listed: (output) => states(output, /^. (\S+): .* - (\S+)$/gm),
    add: [
      ['mcp', 'add', '-s', 'user', '-e', 'K=v', 'extra', '/bin/true', 'a'],
      ['mcp', 'add', '-s', 'user', '-t', 'http', 'docs', remoteServer, '-H', 'X-A: b', '--trust'],
    ],
    imported: {
      extra: { command: '/bin/true', args: ['a'], env: { K: 'v' } },
      docs: { type: 'http', url: remoteServer, headers: { 'X-A': 'b' } },
    },
    echo: 'mcp_toolgate_one__echo',
    ask: (url) => ({
      words: ['-p', 'Call the tool.', '-m', 'gemini-2.5-flash', '--approval-mode', 'yolo'],
      environment: { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: 'not-a-key' },
      settings: '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }',
    }),
  },
];

function states(output, pattern) {
  const rows = [...output.matchAll(pattern)].filter(([, name]) => name !== 'Name');
  return Object.fromEntries(rows.map(([, name, state]) => [name, state]));
}

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await Promise.all(harnesses.map(async (harness) => {
    const reason = await cannotRun(harness);
    if (reason) {
      checks.skip(harness.package, reason);
    } else {
      await allOf(checks, harness);
    }
  }));
}

// Why this harness cannot be run here, if so.
async function cannotRun({ package: name, entry }) {
  const folder = join(packages, name);
  if (!existsSync(join(folder, entry))) return `it is not installed: npm ci --prefix ${join(e2eFolder, 'harnesses')}`;
  if (!existsSync(modernNode)) return `it needs a newer node than ${process.version}, and ${modernNode} is missing`;
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const stage = new Stage({ package: name, entry });
  try {
    const { status, output } = await stage.run('--version');
    if (status === 0 && output.includes(version)) return undefined;
    return `its --version ended with ${status} and said ${JSON.stringify(output.slice(-600))}`;
  } finally {
    stage.remove();
  }
}

// A user's home and a project, with a harness in them.
class Stage {
  constructor(harness) {
    this.harness = harness;
    this.folder = mkdtempSync(join(tmpdir(), 'toolgate-harness-'));
    this.home = join(this.folder, 'home');
    this.project = join(this.folder, 'project');
    for (const folder of [this.home, this.project]) mkdirSync(folder);
    this.environment = {
      PATH: process.env.PATH, HOME: this.home, LANG: 'C.UTF-8', TMPDIR: this.folder, DO_NOT_TRACK: '1',
      HTTP_PROXY: closedPort, HTTPS_PROXY: closedPort, NO_PROXY: '127.0.0.1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', ENABLE_TOOL_SEARCH: 'false',
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    };
  }

  get file() {
    return join(this.home, this.harness.file);
  }

  bytes() {
    return readFileSync(this.file, 'latin1');
  }

  write(text) {
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(this.file, text);
  }

  get command() {
    return [modernNode, join(packages, this.harness.package, this.harness.entry)];
  }

  // One command of the harness, to its end.
  run(...words) {
    const [program, ...args] = [...this.command, ...words];
    return new Promise((resolve) => {
      const child = execFile(program, args, { cwd: this.project, env: this.environment, timeout: 90_000 },
        (error, stdout, stderr) => resolve(
          { status: error ? error.code ?? error.signal : 0, output: stdout + stderr }));
      child.stdin.end();
    });
  }

  async must(...words) {
    const { status, output } = await this.run(...words);
    ensure(status === 0, `${words.join(' ')} ended with ${status}: ${output.slice(-2000)}`);
    return output;
  }

  async servers() {
    return this.harness.listed(await this.must('mcp', 'list'));
  }

  // A home of toolgate whose commands see this user and this project.
  async gateway(after) {
    const home = await Home.create({ one: local(process.execPath, [echoServer, 'one']) });
    after(() => home.close());
    home.environment.HOME = this.home;
    home.environment.DOCS_TOKEN = 'not-a-token';
    return home;
  }

  // What the harness finds on its first day, or what its user has written.
  async begin() {
    if (this.harness.own !== undefined) this.write(this.harness.own);
    const servers = await this.servers();
    ensure(!('toolgate' in servers), 'the gateway is there already');
    return servers;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function allOf(checks, harness) {
  const { client, connected } = harness;
  const test = (name, body) => checks.test(`${client}: ${name}`, async (after) => {
    const stage = new Stage(harness);
    after(async () => stage.remove());
    await body(stage, await stage.gateway(after), after);
  }, { seconds: 300 });

  await test('its own command finds the gateway, and no longer after uninstalling', async (stage, home) => {
    const others = await stage.begin();
    const before = stage.bytes();
    home.mustRun('install', client);
    equal(await stage.servers(), { ...others, toolgate: connected }, 'the servers of the harness');
    home.mustRun('uninstall', client);
    equal(stage.bytes(), before, 'the file');
    equal(await stage.servers(), others, 'the servers afterwards');
  });
  await test('a project\'s file is read as well', async (stage, home) => {
    await stage.begin();
    if (client === 'codex') trustProject(stage);
    const inProject = (...words) => home.mustRunIn(stage.project, ...words, '--scope', 'project');
    inProject('install', client);
    equal((await stage.servers()).toolgate, harness.project, 'the state of the gateway');
    inProject('uninstall', client);
    ensure(!('toolgate' in await stage.servers()), 'the harness still lists it');
  });
  await test('what it writes itself in between stays, and can be imported', async (stage, home) => {
    const others = await stage.begin();
    home.mustRun('install', client);
    for (const words of harness.add) await stage.must(...words);
    home.mustRun('uninstall', client);
    equal(Object.keys(await stage.servers()).sort(), [...Object.keys(others), 'docs', 'extra'].sort(), 'the servers');
    ensure(!stage.bytes().includes('toolgate'), `something of ours is left: ${stage.bytes()}`);
    home.mustRun('import', stage.file);
    const { extra, docs } = home.read().mcpServers;
    equal({ extra, docs }, harness.imported, 'what was imported');
    home.mustRun('install', client);
    const [own] = home.records('import', stage.file).filter(({ server }) => server === 'toolgate');
    equal(own?.state, 'left_out', 'the state of the gateway itself');
  });
  await test('it calls a tool through the gateway', client === 'codex' ? codexCalls : modelCalls);
}

function trustProject(stage) {
  stage.write(`${stage.bytes()}\n[projects.${JSON.stringify(stage.project)}]\ntrust_level = "trusted"\n`);
}

async function isOnRecord(home) {
  const records = home.records('audit', 'query').filter(({ kind, tool }) => kind === 'call.outcome' && tool === 'echo');
  equal(records.map(({ decision }) => decision), ['allow'], 'the decisions on record');
}

// A whole turn of the harness, with a model that is none.
async function modelCalls(stage, home, after) {
  const { client, ask, echo } = stage.harness;
  const model = await startModel('one__echo', { text: 'from a model' });
  after(() => model.stop());
  const { words, environment, settings } = ask(model.url);
  if (settings) stage.write(settings);
  home.mustRun('install', client);
  Object.assign(stage.environment, environment);
  const output = await stage.must(...words);
  equal(model.calls, [echo], 'the tools that were called');
  ensure(model.results.length === 1 && model.results[0].includes('one:from a model'),
    `the model was told ${model.results}; the harness said ${output.slice(-1000)}`);
  await isOnRecord(home);
}

// Codex's `mcp list` connects to nobody. Its server for editors does, and calls tools without a model.
async function codexCalls(stage, home) {
  await stage.begin();
  home.mustRun('install', 'codex');
  const [program, ...args] = stage.command;
  const peer = new LinePeer(program, [...args, 'app-server'], stage.environment);
  try {
    await peer.request(1, 'initialize', { clientInfo: { name: 'toolgate-e2e', version: '1.0.0' } });
    peer.send({ method: 'initialized' });
    const { data } = (await peer.request(2, 'mcpServerStatus/list', {})).result;
    const tools = Object.keys(data.find(({ name }) => name === 'toolgate')?.tools ?? {});
    equal(tools.sort(), ['one__echo', 'one__verbatim'], 'the tools that Codex sees');
    const { thread } = (await peer.request(3, 'thread/start', { ephemeral: true, cwd: stage.project })).result;
    const call = { threadId: thread.id, server: 'toolgate', tool: 'one__echo', arguments: { text: 'from Codex' } };
    const answer = (await peer.request(4, 'mcpServer/tool/call', call)).result;
    equal(answer?.content, [{ type: 'text', text: 'one:from Codex' }], 'the answer');
  } finally {
    await peer.close();
  }
  await isOnRecord(home);
}
