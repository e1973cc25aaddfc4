// Nothing of an approved definition changes unseen: every value of the definitions of published servers is
// changed, added, removed, renamed and moved, and each such definition must be held, with the place named in the
// difference; and every way to write the same definition down differently must be no change at all.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensure, equal } from '../lib/checks.js';
import { connectStdio } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { semanticMutations, serialisations, spell } from '../lib/mutations.js';
import { e2eFolder, helperProgram } from '../lib/programs.js';
import { parameters, published } from '../lib/published.js';
import { LinePeer } from '../lib/raw.js';

const lists = [
  { kind: 'tool', method: 'tools/list', member: 'tools', key: 'name' },
  { kind: 'prompt', method: 'prompts/list', member: 'prompts', key: 'name' },
  { kind: 'resource', method: 'resources/list', member: 'resources', key: 'uri' },
  { kind: 'template', method: 'resources/templates/list', member: 'resourceTemplates', key: 'uriTemplate' },
];

// Everything that a server offers, as {kind, key, document}.
async function offers(server, folder) {
  const { command, args, env } = parameters(server, folder);
  const peer = new LinePeer(command, args, env);
  try {
    const { instructions } = await peer.initialize();
    const found = typeof instructions === 'string' ? [{ kind: 'instructions', key: '', document: instructions }] : [];
    for (const { kind, method, member, key } of lists) {
      let cursor;
      do {
        const { result } = await peer.request(`${method} ${cursor}`, method, cursor === undefined ? {} : { cursor });
        if (!result) break;
        found.push(...result[member].map((document) => ({ kind, key: document[key], document })));
        cursor = result.nextCursor;
      } while (cursor !== undefined);
    }
    return found;
  } finally {
    await peer.close();
  }
}

// The program that judges one definition after another.
class Judge {
  #waiting = [];

  constructor() {
    this.process = spawn(helperProgram('pin_difference'), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = once(this.process, 'exit');
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#waiting.shift()(JSON.parse(line)));
  }

  // `expect` throws for an answer that is wrong.
  async ask(line, expect) {
    this.#waiting.push(expect);
    if (!this.process.stdin.write(`${JSON.stringify(line)}\n`)) await once(this.process.stdin, 'drain');
  }

  // Once everything before has been answered.
  async settled() {
    await new Promise((resolve) => void this.ask({ key: '', json: '""' }, resolve));
  }

  async close() {
    this.process.stdin.end();
    const [status] = await this.ended;
    equal([status, this.#waiting.length], [0, 0], 'the end of pin_difference');
  }
}

class Tally {
  semantic = 0;
  same = 0;
  refused = 0;
  how = new Map();
  classes = new Map();
  wrong = [];

  count(map, key) {
    map.set(key, (map.get(key) ?? 0) + 1);
  }
}

const isWithin = (path, place) => path === place || path.startsWith(`${place}/`);

// Is this answer right for that mutation?
function problemOf({ how, paths, within }, { held, changes }) {
  if (!held) return 'it is not held';
  const named = changes.map(([path]) => path);
  if (paths && !paths.every((path) => named.includes(path))) return `it names ${named}, not ${paths}`;
  if (within !== undefined && !named.some((path) => isWithin(path, within))) return `it names ${named}, not ${within}`;
  // A character that nobody sees is never harmless.
  const worst = changes.some(([, change]) => change === 'instruction-bearing');
  if (how === 'given an invisible character' && !worst) return `it is called ${changes.map(([, change]) => change)}`;
  return undefined;
}

async function mutate(judge, tally, server, { kind, key, document }) {
  const where = `${server}: ${kind} ${key}`;
  const wrong = (text) => tally.wrong.push(`${where}: ${text}`);
  const keyOf = (changed) => {
    const member = lists.find((list) => list.kind === kind)?.key;
    return typeof changed?.[member] === 'string' ? changed[member] : key;
  };
  await judge.ask({ kind, key, json: spell(document) }, (answer) => answer.refused && wrong(`refused: ${answer.refused}`));
  for (const mutation of semanticMutations(document)) {
    tally.semantic += 1;
    tally.count(tally.how, mutation.how);
    await judge.ask({ key: keyOf(mutation.document), json: spell(mutation.document) }, (answer) => {
      if (answer.refused) tally.refused += 1;
      for (const change of new Set(answer.changes.map(([, one]) => one))) tally.count(tally.classes, change);
      const problem = problemOf(mutation, answer);
      if (problem) wrong(`${mutation.how} at ${mutation.within ?? mutation.paths}: ${problem}`);
    });
  }
  for (const { how, text } of serialisations(document)) {
    tally.same += 1;
    await judge.ask({ key, json: text }, ({ held, changes }) => {
      if (held || changes.length > 0) wrong(`${how}: held ${held}, ${JSON.stringify(changes)}`);
    });
  }
}

const listed = (map) => [...map].map(([name, count]) => `${count} ${name}`).join(', ');

async function unit(checks, folder) {
  let items = 0;
  const tally = new Tally();
  const git = { entry: '@cyanheads/git-mcp-server/dist/index.js', env: { MCP_TRANSPORT_TYPE: 'stdio', MCP_LOG_LEVEL: 'info', GIT_BASE_DIR: join(folder, 'files') } };
  const servers = Object.entries({ ...published(folder), git });
  ensure(servers.length >= 12, 'there are too few servers');
  const judge = new Judge();
  for (const [name, server] of servers) {
    await checks.test(`${name}: every change is held and named, every other spelling is none`, async () => {
      const offered = await offers(server, folder);
      ensure(offered.length > 0, 'it offers nothing');
      items += offered.length;
      const before = tally.wrong.length;
      for (const item of offered) await mutate(judge, tally, name, item);
      await judge.settled();
      equal(tally.wrong.slice(before, before + 10), [], 'what went wrong');
    }, { seconds: 180 });
  }
  await checks.test('all answers came, and all were right', async () => {
    await judge.close();
    equal(tally.wrong.slice(0, 20), [], 'what went wrong');
    ensure(tally.semantic > 10_000 && tally.same > 10_000, 'there were too few mutations');
  }, { seconds: 180 });
  console.log(`mutation: ${servers.length} servers, ${items} definitions: ${tally.semantic} semantic changes (${listed(tally.how)}), `
    + `${tally.refused} of them refused outright; ${tally.same} other spellings; classes: ${listed(tally.classes)}; `
    + `${tally.wrong.length} wrong`);
}

const tool = {
  name: 'read', description: 'Reads a note', annotations: { readOnlyHint: true },
  inputSchema: {
    type: 'object', properties: { path: { type: 'string', maxLength: 100 }, mode: { enum: ['text', 'raw'] } },
    required: ['path'], additionalProperties: false,
  },
};
const other = { name: 'list', inputSchema: { type: 'object' } };

// One through the running gateway: what is changed, what review must say of it.
const changes = [
  ['rug pull: another description', (it) => { it.description = 'Reads all notes'; }, '/description', 'instruction-bearing'],
  ['an invisible character', (it) => { it.description = 'Reads\u200b a note'; }, '/description', 'instruction-bearing'],
  ['annotation flip', (it) => { it.annotations.readOnlyHint = false; }, '/annotations/readOnlyHint', 'annotation-flipped'],
  ['schema widening: nothing required', (it) => { it.inputSchema.required = []; }, '/inputSchema/required/0', 'widened'],
  ['schema widening: a property more', (it) => { it.inputSchema.properties.to = { type: 'string' }; }, '/inputSchema/properties/to', 'widened'],
  ['schema narrowing: a lower bound', (it) => { it.inputSchema.properties.path.maxLength = 10; },
    '/inputSchema/properties/path/maxLength', 'narrowed'],
  ['a choice more', (it) => { it.inputSchema.properties.mode.enum.push('send'); }, '/inputSchema/properties/mode/enum/2', 'instruction-bearing'],
  ['white space', (it) => { it.description = 'Reads  a note '; }, '/description', 'cosmetic'],
  ['a member that nobody knows', (it) => { it['x-new'] = ['do it']; }, '/x-new', 'instruction-bearing'],
];

async function through(checks, folder) {
  const file = join(folder, 'tools.json');
  const write = (...tools) => writeFileSync(file, `[${tools.join(',')}]`);
  const see = async (home) => {
    const client = await connectStdio(home.stdioParameters());
    try {
      // The list of a server that has not started yet is what was approved; the call waits for its start.
      const answer = await client.callTool({ name: 'm__read', arguments: { path: 'a' } });
      const { tools } = await client.listTools();
      return { names: tools.map(({ name }) => name).sort(), said: answer.content[0].text, refused: answer.isError === true };
    } finally {
      await client.close();
    }
  };
  write(JSON.stringify(tool), JSON.stringify(other));
  const entry = local(process.execPath, [join(e2eFolder, 'fixture', 'mutant.js')], { env: { MUTANT_TOOLS: file } });
  const home = await Home.create({ m: entry });
  try {
    for (const [name, change, path, changeClass] of changes) {
      await checks.test(`through the gateway: ${name}`, async () => {
        const changed = structuredClone(tool);
        change(changed);
        write(JSON.stringify(changed), JSON.stringify(other));
        const reviewed = home.records('review', 'm').find(({ tool: reading }) => reading === 'read');
        equal([reviewed.state, reviewed.class], ['changed', changeClass], 'the review');
        ensure(reviewed.changes.some((one) => one.path === path && one.class === changeClass), JSON.stringify(reviewed.changes));
        const { names, said, refused } = await see(home);
        equal(names, ['m__list'], 'what is listed');
        ensure(refused && /held for review|waits for review/.test(said), `the call is answered: ${said}`);
        // It was seen: the approved text waits for a decision, too, until somebody has made it.
        write(JSON.stringify(tool), JSON.stringify(other));
        equal(home.records('review', 'm').find(({ tool: reading }) => reading === 'read').state, 'changed', 'what was seen');
        home.mustRun('approve', 'm');
      });
    }
    for (const { how, text } of [...serialisations(tool)].filter(({ how: way }) => way !== 'one place')) {
      await checks.test(`through the gateway: ${how} is no change`, async () => {
        write(JSON.stringify(other), text);
        equal(home.records('review', 'm').map(({ state }) => state), ['approved', 'approved', 'approved'], 'the review');
        equal(await see(home), { names: ['m__list', 'm__read'], said: 'it ran', refused: false }, 'what the agent sees');
      });
    }
    await checks.test('through the gateway: approve --class takes what is of the class, and nothing else', async () => {
      const narrower = structuredClone(tool);
      narrower.inputSchema.properties.path.maxLength = 10;
      const told = { ...other, description: 'Now with a word' };
      write(JSON.stringify(narrower), JSON.stringify(told));
      home.records('review', 'm');
      const out = home.mustRun('approve', 'm', '--class', 'cosmetic,narrowed');
      ensure(/approved 1 of m/.test(out) && /left 1 of m \(1 instruction-bearing\)/.test(out), out);
      equal((await see(home)).names, ['m__read'], 'what is listed');
      home.mustRun('approve', 'm');
      equal((await see(home)).names, ['m__list', 'm__read'], 'what is listed at last');
    });
  } finally {
    await home.close();
  }
}

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-mutation-'));
  for (const name of ['home', 'files']) mkdirSync(join(folder, name));
  try {
    await unit(checks, folder);
    await through(checks, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
