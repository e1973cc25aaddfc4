// A folder with one server that has it as a staged scope, and a client of the gateway: for the suites about those.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectStdio } from './clients.js';
import { Home } from './gateway.js';

const worker = fileURLToPath(new URL('../fixture/file-worker.js', import.meta.url));

export class Stage {
  static async open(command = [process.execPath, worker], files = {}, owner = 65534) {
    const stage = new Stage();
    stage.owner = owner;
    stage.folder = mkdtempSync('/var/tmp/toolgate-staged-');
    for (const [name, text] of Object.entries(files)) writeFileSync(stage.at(name), text);
    stage.own();
    stage.home = await Home.create({ files: {
      command: command[0], args: [...command.slice(1), stage.folder],
      toolgate: { files: [{ path: stage.folder, mode: 'rw-no-delete' }] },
    } });
    stage.client = await connectStdio(stage.home.stdioParameters());
    return stage;
  }

  // A gateway of root runs servers as the owner of their scopes: nobody, unless a test says otherwise.
  own() {
    if (process.getuid() === 0) spawnSync('chown', ['-R', `${this.owner}:${this.owner}`, this.folder]);
  }

  at(name) {
    return join(this.folder, name);
  }

  read(name) {
    return readFileSync(this.at(name), 'utf8');
  }

  // What came of each step; "@" in them is the folder.
  async work(steps, then) {
    const told = (list) => JSON.parse(JSON.stringify(list).replaceAll('@', this.folder));
    const result = await this.client.callTool({
      name: 'files__work', arguments: { steps: told(steps), ...(then ? { then: told(then) } : {}) },
    });
    return JSON.parse(result.content[0].text);
  }

  async call(tool, args) {
    return this.client.callTool({ name: `files__${tool}`, arguments: args });
  }

  waiting() {
    return this.home.records('approvals', 'list');
  }

  kept(name) {
    return this.home.records('kept', 'list').filter(({ path }) => path === this.at(name));
  }

  content(id) {
    return this.home.mustRun('kept', 'show', id);
  }

  lastOutcome() {
    return this.recorded('call.outcome').at(-1);
  }

  recorded(kind) {
    return this.home.records('audit', 'query').filter((one) => one.kind === kind);
  }

  // The contents in the home, with or without a row.
  stored() {
    return readdirSync(join(this.home.folder, 'kept'));
  }

  async close() {
    await this.client?.close();
    await this.home?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function staged(checks, name, body, command, files, owner) {
  await checks.test(name, async (after) => {
    const stage = await Stage.open(command, files, owner);
    after(() => stage.close());
    await body(stage);
  }, { seconds: 240 });
}
