// Running attacks in real sandboxes: the program `sandboxed` makes one as the gateway would, the program `escape`
// attacks it. A case has a folder of its own on the host, "@" in its texts: "@/s" is usually its scope, "@/out" a
// folder beside it that belongs to the same user and to no scope.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync }
  from 'node:fs';
import { dirname, join } from 'node:path';
import { ensure } from './checks.js';
import { helperProgram } from './programs.js';

// Somebody who runs sandboxes: the user of the tests, or another one when that is root.
export class Runner {
  #count = 0;

  constructor(name, user, tier = 'process') {
    this.name = name;
    this.user = user;
    this.tier = ['--tier', tier];
    // Not beneath /tmp, where no scope can be rw-no-delete.
    this.base = mkdtempSync('/var/tmp/toolgate-escape-');
    chmodSync(this.base, 0o755);
    this.programs = join(this.base, 'programs');
    mkdirSync(this.programs);
    for (const program of ['sandboxed', 'escape']) {
      copyFileSync(helperProgram(program), join(this.programs, program));
      chmodSync(join(this.programs, program), 0o755);
    }
    this.sandboxed = join(this.programs, 'sandboxed');
    this.escape = join(this.programs, 'escape');
  }

  get identity() {
    return this.user === undefined ? {} : { uid: this.user, gid: this.user };
  }

  folder() {
    return new Folder(join(this.base, String(++this.#count)), this);
  }

  // Runs a command on the host as this user, to its end.
  async command(program, args, { seconds = 90, input = 'ignore', environment = {} } = {}) {
    const child = spawn(program, args, {
      ...this.identity, stdio: [input, 'pipe', 'pipe'], env: { ...plainEnvironment(), ...environment },
    });
    return finished(child, seconds);
  }

  async close() {
    rmSync(this.base, { recursive: true, force: true });
  }
}

export function plainEnvironment() {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', ESCAPE_SECRET: 'not-for-servers' };
}

export async function finished(child, seconds = 90) {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part) => (stdout += part));
  child.stderr.on('data', (part) => (stderr += part));
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const status = await new Promise((resolve, reject) => {
    child.on('close', (code, signal) => resolve(signal ?? code));
    child.on('error', reject);
  });
  clearTimeout(timer);
  return { status, stdout, stderr };
}

// The folder of one case, filled by it before the sandbox starts.
export class Folder {
  constructor(path, runner) {
    this.path = path;
    this.runner = runner;
    mkdirSync(path);
  }

  at(name) {
    return name.replaceAll('@', this.path);
  }

  write(name, text = 'own\n', mode = 0o644) {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
  }

  make(...names) {
    for (const name of names) mkdirSync(this.at(name), { recursive: true });
  }

  read(name) {
    return readFileSync(this.at(name), 'utf8');
  }

  exists(name) {
    return lstatSync(this.at(name), { throwIfNoEntry: false }) !== undefined;
  }

  // A command of the host, for what node cannot make.
  shell(text) {
    const { status, stderr } = spawnSync('/bin/sh', ['-ec', this.at(text)], { encoding: 'utf8' });
    ensure(status === 0, `${text}: ${stderr}`);
  }

  // All of it is the runner's.
  own() {
    const { user } = this.runner;
    if (user !== undefined) spawnSync('chown', ['-hR', `${user}:${user}`, this.path]);
  }

  // Arguments of `sandboxed` that run these attacks.
  arguments(scopes, tries) {
    const words = tries.flatMap((attack) => ['+', ...attack.split(' ')]).slice(1);
    return [...this.runner.tier, ...scopes, '--program', this.runner.escape, '--',
      this.runner.escape, ...words].map((word) => this.at(word));
  }

  remove() {
    spawnSync('chmod', ['-R', 'u+rwx', this.path]);
    if (existsSync(this.path)) rmSync(this.path, { recursive: true, force: true });
  }
}

// Whether a line is as expected: a text, or a pattern.
export function fits(line, expected) {
  return expected instanceof RegExp ? expected.test(line) : line === expected;
}
