// A remote server that offers whatever a test says at the moment (fixture/shapes.js). A shape is {tools, instructions?,
// capabilities?, pages?}; with `pages` each page has one tool.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../fixture/shapes.js', import.meta.url));
const object = { type: 'object', properties: { text: { type: 'string' } } };

// The tool as it is approved, with `changes`.
export function tool(name, changes = {}) {
  return { name, description: `Does ${name}`, inputSchema: object, annotations: { destructiveHint: true }, ...changes };
}

export class Shapes {
  #asked = 0;
  #waiting = new Map();

  static async start(...replicas) {
    const shapes = new Shapes();
    shapes.process = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    shapes.process.on('message', ({ id, result }) => shapes.#waiting.get(id)(result));
    await shapes.become(...replicas);
    shapes.port = await shapes.#ask('listen');
    shapes.url = `http://127.0.0.1:${shapes.port}/mcp`;
    return shapes;
  }

  #ask(command, argument) {
    const id = ++this.#asked;
    const result = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.process.send({ id, command, argument });
    return result;
  }

  // Offers this from now on, without a word.
  become(...replicas) {
    return this.#ask('become', replicas);
  }

  // The very next page of a list is of this shape, whoever asks for it.
  showOnce(shape) {
    return this.#ask('showOnce', shape);
  }

  // Lists are answered with nonsense, or not any more.
  breakLists(broken) {
    return this.#ask('breakLists', broken);
  }

  // Tells whoever listens that the list of tools changed.
  tell() {
    return this.#ask('tell');
  }

  // {calls, lists}: the names of the tools that were called, and how many pages were asked for.
  look() {
    return this.#ask('look');
  }

  // It goes down, and comes up again at the same address.
  down() {
    return this.#ask('stop');
  }

  up() {
    return this.#ask('listen', this.port);
  }

  async end() {
    const ended = once(this.process, 'exit');
    this.process.disconnect();
    await ended;
  }
}
