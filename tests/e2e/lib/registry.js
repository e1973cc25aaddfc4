// A registry of npm packages on the loopback address, for one test: what it publishes may be as bad as the
// test likes. npm finds it through the .npmrc of a home directory made for it, as it finds any registry. It is
// a process of its own: a test that waits for a command could not answer that command's npm.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { e2eFolder } from './programs.js';

export class Registry {
  #packages = new Map();

  static async start() {
    const registry = new Registry();
    registry.folder = mkdtempSync(join(tmpdir(), 'toolgate-registry-'));
    registry.userHome = join(registry.folder, 'home');
    for (const name of ['packages', 'tarballs', 'home']) mkdirSync(join(registry.folder, name));
    registry.process = spawn(process.execPath, [join(e2eFolder, 'fixture', 'registry.js'), registry.folder],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = await once(registry.process.stdout, 'data');
    registry.url = `http://127.0.0.1:${String(port).trim()}/`;
    registry.npmrc();
    return registry;
  }

  // The user's configuration of npm: this registry, and these lines.
  npmrc(...lines) {
    writeFileSync(join(this.userHome, '.npmrc'), [`registry=${this.url}`, ...lines, ''].join('\n'));
  }

  // The paths that were asked for.
  get requests() {
    const file = join(this.folder, 'requests');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  // `files` by their paths in the package; `manifest` is its package.json. `integrity` overrides the true one.
  publish(manifest, files, { integrity } = {}) {
    const folder = mkdtempSync(join(this.folder, 'publish-'));
    const all = { 'package.json': JSON.stringify(manifest), ...files };
    for (const [path, text] of Object.entries(all)) {
      const file = join(folder, 'package', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
    }
    const name = encodeURIComponent(`${manifest.name}-${manifest.version}.tgz`);
    const tarball = join(this.folder, 'tarballs', name);
    execFileSync('tar', ['-czf', tarball, '-C', folder, 'package']);
    const digest = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    const known = this.#packages.get(manifest.name) ?? { name: manifest.name, 'dist-tags': {}, versions: {} };
    known.versions[manifest.version] = {
      ...manifest, dist: { tarball: `${this.url}tarballs/${name}`, integrity: integrity ?? digest },
      ...(manifest.scripts?.postinstall ? { hasInstallScript: true } : {}),
    };
    known['dist-tags'].latest = manifest.version;
    this.#packages.set(manifest.name, known);
    const file = join(this.folder, 'packages', `${encodeURIComponent(manifest.name)}.json`);
    writeFileSync(file, JSON.stringify(known));
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
