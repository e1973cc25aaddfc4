// JSON-RPC without an SDK in between, for what an SDK would refuse to send or hide from us.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { request as httpRequest } from 'node:http';

export const initializeParams = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'toolgate-e2e', version: '1.0.0' },
};

// A process that speaks lines of JSON. `received` holds all messages so far, in order, `lines` their bytes.
export class LinePeer {
  received = [];
  lines = [];
  stderr = '';
  #waiting = [];

  constructor(command, args, environment) {
    this.process = spawn(command, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.process.stdin.on('error', () => {});   // the other side may close first
    this.exited = once(this.process, 'exit');
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#take(line));
  }

  #take(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      message = { broken: line };
    }
    this.received.push(message);
    this.lines.push(line);
    this.#waiting = this.#waiting.filter(({ wanted, found }) => !wanted(message) || found(message));
  }

  write(bytes) {
    this.process.stdin.write(bytes);
  }

  send(message) {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  // The next message (from now on) that `wanted` accepts; fails when the process ends first.
  async next(wanted) {
    const message = new Promise((found) => this.#waiting.push({ wanted, found: (it) => void found(it) }));
    const ended = this.exited.then(() => undefined);
    const result = await Promise.race([message, ended]);
    if (result === undefined) throw new Error(`the process ended; stderr: ${this.stderr.slice(-2000)}`);
    return result;
  }

  async request(id, method, params) {
    const reply = this.next((message) => message.id === id && message.method === undefined);
    this.send({ id, method, params });
    return reply;
  }

  async initialize() {
    const reply = await this.request('initialize', 'initialize', initializeParams);
    if (!reply.result) throw new Error(`initialize was refused: ${JSON.stringify(reply)}`);
    this.send({ method: 'notifications/initialized' });
    return reply.result;
  }

  async close() {
    this.process.stdin.end();
    const killer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(killer);
  }
}

// One HTTP exchange: {status, headers, body}. `body` may be bytes that are no JSON.
export function exchange(url, { method = 'POST', headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString('utf8'),
      }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

// The JSON-RPC messages of an answer, whether it came as JSON or as a stream of events.
export function messagesOf({ headers, body }) {
  if (!String(headers['content-type']).startsWith('text/event-stream')) return body === '' ? [] : [JSON.parse(body)];
  return body.split('\n').filter((line) => line.startsWith('data:') && line.length > 6)
    .map((line) => JSON.parse(line.slice(5)));
}

// One session over Streamable HTTP.
export class HttpPeer {
  constructor(url, { token, agent } = {}) {
    this.url = url;
    this.agent = agent;
    this.token = token;
    this.session = undefined;
  }

  headers() {
    return {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
      ...(this.session ? { 'mcp-session-id': this.session, 'mcp-protocol-version': '2025-11-25' } : {}),
    };
  }

  async post(body, headers = {}) {
    return exchange(this.url, { headers: { ...this.headers(), ...headers }, body, agent: this.agent });
  }

  async request(id, method, params) {
    const answer = await this.post(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body.slice(0, 300)}`);
    return messagesOf(answer).find((message) => message.id === id);
  }

  async initialize() {
    const answer = await this.post(JSON.stringify(
      { jsonrpc: '2.0', id: 0, method: 'initialize', params: initializeParams }));
    if (answer.status !== 200) throw new Error(`initialize: HTTP ${answer.status}: ${answer.body.slice(0, 300)}`);
    this.session = answer.headers['mcp-session-id'];
    await this.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return messagesOf(answer).find((message) => message.id === 0).result;
  }

  async end() {
    return exchange(this.url, { method: 'DELETE', headers: this.headers(), agent: this.agent });
  }
}
