// Approvals that cannot be forged, and keys that can be managed and lost: what somebody does who can write the store or
// a file beside it, each attack by its name; what is refused leaves a record, and `keys reset` is the way back.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectHttp, connectStdio, listAll } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { e2eFolder, echoServer, modernNode, toolgate } from '../lib/programs.js';

const rounds = 200;

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await attacks(checks);
  await ends(checks);
  await live(checks);
  await ways_back(checks);
  await two_keys(checks);
  await kills(checks);
  await together(checks);
}

// A home with one approved server, and what an attacker does to it.
class Trusted {
  static async create(after, { approve = true, settings } = {}) {
    const trusted = new Trusted();
    trusted.folder = mkdtempSync(join(tmpdir(), 'toolgate-keys-'));
    after(async () => rmSync(trusted.folder, { recursive: true, force: true }));
    trusted.home = await Home.create({ echo: local(process.execPath, [echoServer, 'echo']) }, { approve, settings });
    after(() => trusted.home.close());
    return trusted;
  }

  path(name) {
    return join(this.home.folder, name);
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name, text) {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  sql(statement, ...values) {
    const program = join(e2eFolder, 'fixture', 'sql.js');
    const { status, stdout, stderr } = spawnSync(modernNode,
      ['--disable-warning=ExperimentalWarning', program, this.path('store.db'), statement, ...values], { encoding: 'utf8' });
    ensure(status === 0, `${statement}: ${stderr}`);
    return JSON.parse(stdout);
  }

  // All of the store in one file; nobody has it open.
  copyStore(to) {
    this.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    copyFileSync(this.path('store.db'), to);
  }

  putStore(from) {
    for (const name of ['store.db', 'store.db-wal', 'store.db-shm']) rmSync(this.path(name), { force: true });
    copyFileSync(from, this.path('store.db'));
    spawnSync('chmod', ['600', this.path('store.db')]);
  }

  // Another key: its files, and its name in this home.
  addKey(name, ...more) {
    const file = join(this.folder, `${name}.key`);
    this.home.mustRun('keys', 'new', file);
    this.home.mustRun('keys', 'add', `${file}.pub`, '--name', name, ...more);
    return file;
  }

  records(kind) {
    return this.home.records('audit', 'query', '--kind', kind, '--limit', '100000');
  }

  // Which tools a gateway that starts now lists.
  async tools() {
    const client = await connectStdio(this.home.stdioParameters());
    const tools = await listAll(client, 'listTools', 'tools');
    await client.close();
    return tools.map(({ name }) => name);
  }

  async call() {
    const client = await connectStdio(this.home.stdioParameters());
    try {
      return await client.callTool({ name: 'echo__echo', arguments: { text: 'x' } });
    } catch (error) {
      return { isError: true, content: [{ text: error.message }] };
    } finally {
      await client.close();
    }
  }

  // Nothing counts, a gateway and every command say so, and there is a record; then the way back.
  async mustRefuseAll(pattern) {
    equal(await this.tools(), [], 'the tools of a gateway');
    ensure((await this.call()).isError, 'what was approved can be called');
    const recorded = this.records('approvals.refused');
    ensure(recorded.some(({ reason, decision }) => decision === 'deny' && pattern.test(reason) && /`toolgate keys reset`/.test(reason)),
      `the records are ${JSON.stringify(recorded)}`);
    for (const words of [['approve', 'echo'], ['revoke', 'echo'], ['review', 'echo'], ['keys', 'list'], ['keys', 'rotate']]) {
      const { status, stderr } = this.home.run(...words);
      equal(status, 1, `the exit status of ${words.join(' ')}`);
      ensure(pattern.test(stderr) && /`toolgate keys reset`/.test(stderr), `${words.join(' ')} says ${stderr}`);
    }
    const { status, stdout } = this.home.run('status', '--json');
    equal(status, 3, 'the exit status of status');
    ensure(pattern.test(JSON.parse(stdout).last_error), `status says ${stdout}`);
    this.home.mustRun('keys', 'reset');
    equal(await this.tools(), [], 'the tools after the reset');
    await this.home.approve(['echo']);
    ensure((await this.tools()).includes('echo__echo'), 'it is not back');
  }
}

// What a call is answered with; a server that is stopped just then is an error.
function caller(client) {
  return async () => {
    try {
      return (await client.callTool({ name: 'echo__echo', arguments: { text: 'x' } })).content[0].text;
    } catch (error) {
      return error.message;
    }
  };
}

async function attacks(checks) {
  const rows = /a row was edited, removed or put back/;
  const cases = [
    ['an approval row is edited', rows, (home) => {
      home.sql("UPDATE approvals SET definition = replace(definition, 'description', 'descriptiom') WHERE key = 'echo'");
    }],
    ['an approval is given a later end', rows, (home) => {
      home.home.mustRun('approve', 'echo', '--expires', '2h');
      home.sql(`UPDATE approvals SET text = replace(text, '"expires_ns":"', '"expires_ns":"1')`);
    }],
    ['the row of an unknown key', rows, async (home, after) => {
      const other = await Trusted.create(after);
      const [row] = other.sql('SELECT * FROM approvals LIMIT 1');
      home.sql('INSERT INTO approvals(server, kind, key, definition, text, key_id, signature) VALUES(?, ?, ?, ?, ?, ?, ?)',
        row.server, row.kind, row.key, row.definition, row.text, row.key_id, row.signature);
    }],
    ['the row of a revoked key is put back', rows, (home) => {
      const bob = home.addKey('bob');
      home.home.mustRun('approve', 'echo', '--expires', '2h', '--key', bob);
      home.home.mustRun('keys', 'revoke', 'bob');
      home.sql('UPDATE approvals SET revoked_at = NULL');
    }],
    ['the store is copied from another home', /the store and trust\.head are not of the same home/, async (home, after) => {
      const other = await Trusted.create(after);
      other.copyStore(join(home.folder, 'store'));
      home.putStore(join(home.folder, 'store'));
    }],
    ['an older store is put back', /the store is older than trust\.head/, (home) => {
      home.copyStore(join(home.folder, 'store'));
      home.home.mustRun('revoke', 'echo');
      home.sql('PRAGMA wal_checkpoint(TRUNCATE)');
      home.putStore(join(home.folder, 'store'));
    }],
    ['a store from before any decision is put back', /the store has no decision/, async (home) => {
      home.sql('DELETE FROM decisions');
    }],
    ['the revocation row is deleted', /the store is older than trust\.head/, (home) => {
      home.home.mustRun('revoke', 'echo');
      home.sql('DELETE FROM decisions WHERE sequence = (SELECT max(sequence) FROM decisions)');
      home.sql('UPDATE approvals SET revoked_at = NULL');
    }],
    ['a revocation row that others followed is deleted', /decision 3 is missing in the store/, async (home) => {
      home.home.mustRun('revoke', 'echo', 'echo');
      home.addKey('bob');
      home.sql('DELETE FROM decisions WHERE sequence = 3');
      home.sql("UPDATE approvals SET revoked_at = NULL WHERE key = 'echo'");
    }],
    ['trust.keys is edited', /trust\.keys is damaged: line 2/, (home) => {
      home.write('trust.keys', home.read('trust.keys').replace('"admin"', '"adman"'));
    }],
    ['trust.keys is truncated', /trust\.keys is damaged: line \d: it is cut off/, (home) => {
      home.write('trust.keys', home.read('trust.keys').slice(0, -40));
    }],
    ['trust.keys loses its last line', /trust\.keys is not the one after the last decision/, (home) => {
      home.addKey('bob');
      home.write('trust.keys', home.read('trust.keys').split('\n').slice(0, 2).join('\n') + '\n');
    }],
    ['trust.keys is replaced', /trust\.keys is not of the home that the store is of/, async (home, after) => {
      const other = await Trusted.create(after);
      home.write('trust.keys', other.read('trust.keys'));
    }],
    ['trust.keys is signed by a stranger', /trust\.keys is damaged: line 3/, async (home, after) => {
      const other = await Trusted.create(after);
      other.addKey('eve');
      home.write('trust.keys', home.read('trust.keys') + other.read('trust.keys').split('\n')[2] + '\n');
    }],
    ['trust.keys is removed', /trust\.keys is missing/, (home) => rmSync(home.path('trust.keys'))],
    ['trust.head is removed', /trust\.head is missing/, (home) => rmSync(home.path('trust.head'))],
    ['trust.head and trust.keys are of another home', /are not of the same home/, async (home, after) => {
      const other = await Trusted.create(after);
      for (const name of ['trust.keys', 'trust.head']) home.write(name, other.read(name));
    }],
  ];
  for (const [name, pattern, attack] of cases) {
    await checks.test(`refused with a record: ${name}`, async (after) => {
      const home = await Trusted.create(after);
      ensure((await home.tools()).includes('echo__echo'), 'it was not approved');
      await attack(home, after);
      await home.mustRefuseAll(pattern);
    }, { seconds: 120 });
  }
}

async function ends(checks) {
  await checks.test('refused with a record: a key that has expired, and what it signed', async (after) => {
    const home = await Trusted.create(after, { approve: false });
    const bob = home.addKey('bob', '--expires', '4s');
    home.home.mustRun('review', 'echo');
    home.home.mustRun('approve', 'echo', '--key', bob);
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    const call = caller(client);
    equal(await call(), 'echo:x', 'the answer');
    await eventually(async () => /held for review/.test(await call()), 'what it signed ends with it', 20);
    await eventually(() => home.records('server.held').some(({ reason }) => /has expired/.test(reason)), 'there is a record', 20);
    const { status, stderr } = home.home.run('approve', 'echo', '--expires', '1h', '--key', bob);
    equal(status, 1, 'the exit status');
    ensure(/has expired/.test(stderr), `approve says ${stderr}`);
    ensure(home.records('approval.refused').some(({ reason }) => /has expired/.test(reason)), 'there is no record');
    await home.home.approve(['echo']);
    await eventually(async () => (await call()) === 'echo:x', 'another key approves it', 20);
  }, { seconds: 120 });
  await checks.test('refused with a record: a key that was revoked, and what it signed', async (after) => {
    const home = await Trusted.create(after, { approve: false });
    const bob = home.addKey('bob');
    home.home.mustRun('review', 'echo');
    home.home.mustRun('approve', 'echo', '--key', bob);
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    const call = caller(client);
    equal(await call(), 'echo:x', 'the answer');
    const said = home.home.mustRun('keys', 'revoke', 'bob');
    ensure(/approvals were withdrawn/.test(said), `it says ${said}`);
    await eventually(async () => /held for review/.test(await call()), 'what it signed does not count', 20);
    equal(home.home.run('approve', 'echo', '--key', bob).status, 1, 'the exit status');
    ensure(home.records('approval.refused').some(({ reason }) => /was revoked/.test(reason)), 'there is no record');
    ensure(home.records('keys').some(({ reason }) => /\('bob'\) was revoked/.test(reason)), 'the log has no revocation');
  }, { seconds: 120 });
  await checks.test('refused with a record: an approval that has expired', async (after) => {
    const home = await Trusted.create(after, { approve: false });
    home.home.mustRun('review', 'echo');
    home.home.mustRun('approve', 'echo', '--expires', '3s');
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    const call = caller(client);
    await eventually(async () => /held for review/.test(await call()), 'it ends', 20);
    await eventually(() => home.records('server.held').some(({ reason }) => /expired/.test(reason)), 'there is a record', 20);
  }, { seconds: 60 });
}

async function live(checks) {
  await checks.test('a gateway that runs drops everything when the store is tampered with, and comes back after a reset', async (after) => {
    const home = await Trusted.create(after);
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    const call = caller(client);
    equal(await call(), 'echo:x', 'the answer');
    home.sql("UPDATE approvals SET definition = definition || ' ' WHERE key = 'echo'");
    await eventually(async () => (await listAll(client, 'listTools', 'tools')).length === 0, 'the tools go', 20);
    ensure(/held for review: no approval counts in this home/.test(await call()), `the call was answered with ${await call()}`);
    await eventually(() => home.records('approvals.refused').length === 1, 'one record, however often it looks', 20);
    home.home.mustRun('keys', 'reset');
    await home.home.approve(['echo']);
    await eventually(async () => (await call()) === 'echo:x', 'it is back', 20);
  }, { seconds: 120 });
  await checks.test('a gateway that runs follows keys: rotated, distrusted', async (after) => {
    const home = await Trusted.create(after);
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    const call = caller(client);
    home.home.mustRun('keys', 'rotate');
    equal(home.home.records('status')[0].state, 'approved', 'what the former key approved');
    equal(await call(), 'echo:x', 'the answer');
    home.home.mustRun('review', 'echo');
    home.home.mustRun('approve', 'echo', '--expires', '1h');
    home.home.mustRun('keys', 'rotate', '--distrust');
    await eventually(async () => /held for review/.test(await call()), 'it is held', 20);
    equal(home.records('approvals.refused').length, 0, 'the records of refusals');
  }, { seconds: 120 });
}

async function ways_back(checks) {
  await checks.test('a home of an earlier version: its approvals do not count, and init says so', async (after) => {
    const home = await Trusted.create(after);
    for (const name of ['trust.keys', 'trust.head']) rmSync(home.path(name));
    for (const statement of ['DROP TABLE decisions', 'DROP TABLE sightings', 'ALTER TABLE shown DROP COLUMN change_class',
      'PRAGMA user_version = 2']) home.sql(statement);
    const { status, stderr } = home.home.run('approve', 'echo');
    equal(status, 1, 'the exit status');
    ensure(/`toolgate init`/.test(stderr) && /approvals of an earlier version/.test(stderr), `approve says ${stderr}`);
    equal(await home.tools(), [], 'the tools');
    ensure(/do not count any more/.test(home.home.mustRun('init')), 'init does not say it');
    equal(await home.tools(), [], 'the tools after init');
    await home.home.approve(['echo']);
    ensure((await home.tools()).includes('echo__echo'), 'it is not back');
  }, { seconds: 60 });
  await checks.test('a lost key: with a recovery key approvals stay, without one they are withdrawn', async (after) => {
    const home = await Trusted.create(after);
    const vault = home.addKey('vault', '--role', 'recovery');
    rmSync(home.path('admin.key'));
    equal(home.home.run('approve', 'echo', '--expires', '1h').status, 1, 'approve without a key');
    ensure(/--recovery-key FILE/.test(home.home.run('keys', 'reset', '--lost').stderr), 'it does not name the recovery key');
    home.home.mustRun('keys', 'reset', '--lost', '--recovery-key', vault);
    ensure((await home.tools()).includes('echo__echo'), 'what was approved is gone');
    home.home.mustRun('approve', 'echo', '--expires', '1h');
    rmSync(home.path('admin.key'));
    ensure(/every approval was withdrawn/.test(home.home.mustRun('keys', 'reset', '--lost', '--no-recovery')), 'it is silent');
    equal(await home.tools(), [], 'the tools');
    await home.home.approve(['echo']);
    ensure((await home.tools()).includes('echo__echo'), 'it is not back');
  }, { seconds: 60 });
}

async function two_keys(checks) {
  await checks.test('a class that needs two keys is listed when the second one has signed', async (after) => {
    const home = await Trusted.create(after, { approve: false, settings: { approvals: { dual: ['new'] } } });
    const bob = home.addKey('bob');
    const client = await connectHttp((await home.home.serve()).url);
    after(() => client.close());
    home.home.mustRun('review', 'echo');
    ensure(/a second key is needed/.test(home.home.mustRun('approve', 'echo')), 'approve does not say it');
    const shown = home.home.mustRun('review', 'echo');
    ensure(/waits for a second key/.test(shown), `the review says ${shown}`);
    await eventually(() => /waits for a second key/.test(home.home.records('status')[0].last_error), 'status says it', 20);
    equal(await listAll(client, 'listTools', 'tools'), [], 'the tools with one key');
    home.home.mustRun('approve', 'echo', '--key', bob);
    await eventually(async () => (await listAll(client, 'listTools', 'tools')).length > 0, 'the tools with two keys', 20);
  }, { seconds: 60 });
}

// Runs a command and kills it after a while, if it has not ended by then.
async function killed(environment, args, ms) {
  const child = spawn(toolgate, args, { env: environment, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const [, signal] = await ended;
  clearTimeout(timer);
  return signal === 'SIGKILL';
}

async function kills(checks) {
  await checks.test(`changes of keys that are killed leave the old or the new, ${rounds} rounds`, async (after) => {
    const home = await Trusted.create(after);
    const file = join(home.folder, 'bob.key');
    let cut = 0;
    const acts = [
      ['keys', 'rotate'],
      () => {
        for (const name of [file, `${file}.pub`]) rmSync(name, { force: true });
        home.home.mustRun('keys', 'new', file);
        return ['keys', 'add', `${file}.pub`, '--name', `bob-${Math.random()}`];
      },
      () => {
        const others = home.home.records('keys', 'list').filter(({ key, state }) => /^bob/.test(key) && state === 'in force');
        return others.length > 0 ? ['keys', 'revoke', others[0].id] : undefined;
      },
      ['keys', 'reset'],
    ];
    let takes = 50;  // ms, as the rounds find out
    for (let round = 0; round < rounds; ++round) {
      // A reset forgets the chain: every tenth round, so that chains grow.
      const act = acts[round % 10 === 9 ? 3 : round % 3];
      const words = typeof act === 'function' ? act() : act;
      if (!words) continue;
      const begun = performance.now();
      if (await killed(home.home.environment, words, Math.random() * takes * 1.2)) {
        cut += 1;
      } else {
        takes = (3 * takes + performance.now() - begun) / 4;
      }
      const { status, stderr } = home.home.run('keys', 'list', '--json');
      equal(status, 0, `keys list after ${words.join(' ')} in round ${round}: ${stderr}`);
      const own = home.home.mustRun('keys', 'show').split('\n')[1];
      const known = home.home.records('keys', 'list').find(({ public: text }) => text === own);
      ensure(known?.state === 'in force', `admin.key is ${known?.state ?? 'not trusted'} after ${words.join(' ')} in round ${round}`);
    }
    ensure(cut > rounds / 4, `only ${cut} commands were killed`);
    equal(home.records('approvals.refused').length, 0, 'the records of refusals');
    ensure(!existsSync(home.path('trust.next')) || home.home.run('status').status === 0, 'the home does not start');
    home.home.mustRun('review', 'echo');
    home.home.mustRun('approve', 'echo', '--expires', '1h');
    ensure((await home.tools()).includes('echo__echo'), 'it cannot be approved any more');
  }, { seconds: 400 });
}

async function together(checks) {
  const pairs = 50;
  await checks.test(`two gateways, approve and revoke at the same time, ${pairs} times: no half and no lost approval`, async (after) => {
    const home = await Trusted.create(after);
    const tools = "FROM approvals WHERE revoked_at IS NULL AND kind = 'tool'";
    const items = home.sql(`SELECT count(*) AS n ${tools}`)[0].n;
    const clients = [];
    for (let number = 0; number < 2; ++number) {
      const client = await connectHttp((await home.home.serve()).url);
      after(() => client.close());
      clients.push(client);
    }
    const listed = async (client) => (await listAll(client, 'listTools', 'tools')).length;
    const start = async (...words) => {
      const child = spawn(toolgate, words, { env: home.home.environment, stdio: 'ignore' });
      const [status] = await once(child, 'exit');
      return status;
    };
    const ends = new Set();
    for (let round = 0; round < pairs; ++round) {
      const [approved, , again] = await Promise.all([start('approve', 'echo'), start('revoke', 'echo'), start('approve', 'echo')]);
      equal([approved, again], [0, 0], `the exit status of approve in round ${round}`);
      const [{ valid }] = home.sql(`SELECT count(*) AS valid ${tools}`);
      ensure([0, items].includes(valid), `${valid} of ${items} are approved in round ${round}`);
      ends.add(valid);
      if (round % 10 !== 9) continue;
      for (const client of clients) {
        await eventually(async () => (await listed(client)) === valid, `both gateways list ${valid} tools in round ${round}`, 20);
      }
    }
    equal(home.records('approvals.refused').length, 0, 'the records of refusals');
    const [{ last, count }] = home.sql('SELECT max(sequence) AS last, count(*) AS count FROM decisions');
    equal(last, count, 'the decisions');
    home.home.mustRun('approve', 'echo', '--expires', '1h');
    for (const client of clients) await eventually(async () => (await listed(client)) === items, 'both list all at the end', 20);
  }, { seconds: 300 });
}
