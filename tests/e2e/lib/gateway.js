// A toolgate home in a temporary folder, and the gateway on it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensure, withDeadline } from './checks.js';
import { toolgate } from './programs.js';
import { LinePeer } from './raw.js';

// The entry of a local server. The sandbox has tests of its own; here the servers run without one.
export function local(command, args = [], { env, ...more } = {}) {
  return { command, args, ...(env ? { env } : {}), toolgate: { isolation: 'none', ...more } };
}

export function remote(url, { type = 'http', ...more } = {}) {
  return { type, url, ...(Object.keys(more).length > 0 ? { toolgate: more } : {}) };
}

export class Home {
  #running = [];

  // Makes the home with these servers, which are approved unless `approve` says otherwise.
  static async create(servers, { approve = true, settings } = {}) {
    ensure(existsSync(toolgate), `${toolgate} is missing: build it first`);
    const home = new Home();
    home.folder = mkdtempSync(join(tmpdir(), 'toolgate-e2e-'));
    home.environment = { ...process.env, TOOLGATE_HOME: home.folder, TOOLGATE_WORKSPACE: home.folder };
    try {
      home.mustRun('init');
      home.write({ mcpServers: servers, ...(settings ? { toolgate: settings } : {}) });
      if (approve) await home.approve(Object.keys(servers));
    } catch (error) {
      await home.close();
      throw error;
    }
    return home;
  }

  get configurationFile() {
    return join(this.folder, 'toolgate.json');
  }

  write(configuration) {
    writeFileSync(this.configurationFile, `${JSON.stringify(configuration, null, 2)}\n`);
  }

  read() {
    return JSON.parse(readFileSync(this.configurationFile, 'utf8'));
  }

  // Runs one command to its end: {status, stdout, stderr}.
  run(...args) {
    return this.#run(process.cwd(), args);
  }

  #run(cwd, args) {
    const { status, stdout, stderr } = spawnSync(toolgate, args, {
      cwd, env: this.environment, encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { status, stdout, stderr };
  }

  mustRun(...args) {
    return this.mustRunIn(process.cwd(), ...args);
  }

  mustRunIn(folder, ...args) {
    const { status, stdout, stderr } = this.#run(folder, args);
    ensure(status === 0, `toolgate ${args.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
    return stdout;
  }

  // The records that a command prints with --json.
  records(...args) {
    return this.mustRun(...args, '--json').split('\n').filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line));
  }

  // A server that writes into its scopes when it starts needs `--widen files` for its review.
  async approve(servers, ...options) {
    for (const server of servers) {
      this.mustRun('review', server, '--json', ...options);
      this.mustRun('approve', server);
    }
  }

  // The gateway as a stdio server, as {command, args, env} for the SDK's client.
  stdioParameters(...args) {
    return { command: toolgate, args: ['stdio', ...args], env: this.environment, stderr: 'pipe' };
  }

  // The gateway as a stdio server, spoken to in raw lines.
  stdio(...args) {
    const peer = new LinePeer(toolgate, ['stdio', ...args], this.environment);
    this.#running.push(() => peer.close());
    return peer;
  }

  // `toolgate serve` on a free port: {url, process, log(), stop()}.
  async serve(...args) {
    const child = spawn(toolgate, ['serve', '--listen', '127.0.0.1:0', ...args], {
      env: this.environment, stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(child, 'exit');
    const lines = [];
    const url = new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        lines.push(line);
        const found = /serve\.listening.*url="?(http:\/\/[^\s"]+)/.exec(line);
        if (found) resolve(found[1]);
      });
      exited.then(() => reject(new Error(`toolgate serve ended: ${lines.slice(-20).join('\n')}`)));
    });
    const stop = async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const killer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(killer);
    };
    this.#running.push(stop);
    const serving = { process: child, log: () => lines.join('\n'), exited, stop };
    serving.url = await withDeadline(url, 60, 'toolgate serve');
    return serving;
  }

  async close() {
    for (const stop of this.#running.reverse()) await stop();
    // Frozen packages are read-only.
    const packages = join(this.folder, 'packages');
    if (existsSync(packages)) spawnSync('chmod', ['-R', 'u+w', packages]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
