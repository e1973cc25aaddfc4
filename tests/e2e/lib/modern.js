// Requests of the modern era (2026-07-28) without an SDK in between.

import { request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';

const key = (name) => `io.modelcontextprotocol/${name}`;

export const modernVersion = '2026-07-28';
export const tasksExtension = key('tasks');
export const subscriptionKey = key('subscriptionId');

// `params` with what every modern request says of its client.
export function withEnvelope(params = {}, { capabilities = {}, logLevel, progressToken } = {}) {
  return {
    ...params,
    _meta: {
      [key('protocolVersion')]: modernVersion,
      [key('clientInfo')]: { name: 'toolgate-e2e', version: '1.0.0' },
      [key('clientCapabilities')]: capabilities,
      ...(logLevel ? { [key('logLevel')]: logLevel } : {}),
      ...(progressToken ? { progressToken } : {}),
    },
  };
}

// The field of the parameters that the Mcp-Name header repeats.
const named = {
  'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri',
  'tasks/get': 'taskId', 'tasks/update': 'taskId', 'tasks/cancel': 'taskId',
};

export function modernHeaders(method, params) {
  const name = params[named[method]];
  return {
    'content-type': 'application/json', accept: 'application/json, text/event-stream',
    'mcp-protocol-version': modernVersion, 'mcp-method': method, ...(name ? { 'mcp-name': name } : {}),
  };
}

// One request over HTTP, whose answer is read as it comes: `answered` resolves with {status, headers},
// `next(wanted)` with the next message that is wanted, `ended` when no more can come; `leave()` hangs up.
export class HttpExchange {
  received = [];
  lastEvent;        // the id of the newest event, where events have one
  #waiting = [];
  #sent;

  constructor(url, { method = 'POST', headers, body, agent }) {
    this.#sent = httpRequest(url, { method, headers, agent });
    this.answered = new Promise((resolve, reject) => {
      this.#sent.on('response', (response) => {
        resolve({ status: response.statusCode, headers: response.headers });
        const lines = createInterface({ input: response }).on('line', (line) => this.#take(line));
        lines.on('error', () => {});   // so it ends when it is left
      });
      this.#sent.on('error', (error) => reject(error));
    });
    this.answered.catch(() => {});   // hanging up early is no surprise
    this.ended = new Promise((resolve) => this.#sent.on('close', resolve));
    this.#sent.end(body);
  }

  #take(line) {
    if (line.startsWith('id:')) this.lastEvent = line.slice(3).trim();
    const json = line.startsWith('data:') ? line.slice(5) : line;
    if (!json.trimStart().startsWith('{')) return;
    this.received.push(JSON.parse(json));
    this.#waiting = this.#waiting.filter(({ wanted, found }) => !wanted(this.received.at(-1)) || found());
  }

  // The first message, of those that came and those that will, that `wanted` accepts.
  async next(wanted) {
    if (!this.received.some(wanted)) {
      await new Promise((resolve) => this.#waiting.push({ wanted, found: () => void resolve() }));
    }
    return this.received.find(wanted);
  }

  leave() {
    this.#sent.destroy();
  }
}

export class ModernExchange extends HttpExchange {
  constructor(url, id, method, params, { headers = {}, agent } = {}) {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    super(url, { headers: { ...modernHeaders(method, params), ...headers }, body, agent });
  }
}

// The answer to one request over HTTP: {status, message}.
export async function ask(url, method, params, options) {
  const exchange = new ModernExchange(url, 'ask', method, params, options);
  const { status } = await exchange.answered;
  const message = await exchange.next((received) => received.method === undefined);
  exchange.leave();
  return { status, message };
}
