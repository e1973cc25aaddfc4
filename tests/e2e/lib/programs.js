// Where the programs are that the tests start.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const e2eFolder = dirname(dirname(fileURLToPath(import.meta.url)));
export const root = dirname(dirname(e2eFolder));
export const build = process.env.TOOLGATE_BUILD ?? join(root, 'build', 'release');
export const toolgate = process.env.TOOLGATE ?? join(build, 'toolgate');
export const fixture = join(e2eFolder, 'fixture', 'server.js');
export const echoServer = join(e2eFolder, 'fixture', 'echo.js');

export function helperProgram(name) {
  const path = join(build, 'tests', name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it with ninja -C ${build} ${name}`);
  return path;
}

export function packageFolder(name) {
  return join(e2eFolder, 'node_modules', name);
}

// A node that is new enough for everything here (22 and later): our own if it is, else the one from npm.
export const modernNode = Number(process.versions.node.split('.')[0]) >= 22
  ? process.execPath
  : join(packageFolder(`node-linux-${process.arch}`), 'bin', 'node');
