// An agent without an SDK, of either era over either transport, behind the same methods:
//   ask(method, params, options)     the answer
//   start(method, params, options)   a request that is in progress: {id, received, next(), answer(), cancel()}
//   reply(message)                   the agent's answer to what it was asked (legacy era)
//   told                             what it is told outside of any request: {received, next()}
//   cut()                            it is gone without a word
// `options`: {progressToken, logLevel}, as each era says them.

import { toolgate } from './programs.js';
import { HttpExchange, modernHeaders, withEnvelope } from './modern.js';
import { HttpPeer, initializeParams, LinePeer } from './raw.js';

const answers = (id) => (message) => message.id === id && message.method === undefined;

class Agent {
  #count = 0;

  constructor(era, capabilities) {
    this.era = era;
    this.capabilities = capabilities;
  }

  id() {
    return `request-${(this.#count += 1)}`;
  }

  get isModern() {
    return this.era === 'modern';
  }

  // The parameters as this era sends them.
  params(params = {}, { progressToken, logLevel } = {}) {
    if (this.isModern) return withEnvelope(params, { capabilities: this.capabilities, progressToken, logLevel });
    return progressToken === undefined ? params : { ...params, _meta: { progressToken } };
  }

  async ask(method, params, options) {
    return this.start(method, params, options).answer();
  }

  // A tool of the server under test.
  async call(name, args = {}, options = {}) {
    return this.ask('tools/call', { name: `fx__${name}`, arguments: args }, options);
  }

  startCall(name, args = {}, options = {}) {
    return this.start('tools/call', { name: `fx__${name}`, arguments: args }, options);
  }
}

class PipeAgent extends Agent {
  static async open({ home, era, capabilities, command = ['connect'] }) {
    const agent = new PipeAgent(era, capabilities);
    agent.peer = new LinePeer(toolgate, command, home.environment);
    agent.told = { received: agent.peer.received, next: (wanted) => agent.#next(wanted) };
    if (!agent.isModern) await agent.ask('initialize', { ...initializeParams, capabilities });
    if (!agent.isModern) agent.peer.send({ method: 'notifications/initialized' });
    return agent;
  }

  async #next(wanted, from = 0) {
    return this.peer.received.slice(from).find(wanted) ?? this.peer.next(wanted);
  }

  start(method, params, options) {
    const id = this.id();
    const { peer } = this;
    const from = peer.received.length;
    peer.send({ id, method, params: this.params(params, options) });
    const next = (wanted) => this.#next(wanted, from);
    return {
      id, next,
      answer: () => next(answers(id)),
      get received() { return peer.received.slice(from); },
      cancel: async () => peer.send({ method: 'notifications/cancelled', params: { requestId: id } }),
    };
  }

  async reply(message) {
    this.peer.send(message);
  }

  async cut() {
    this.peer.process.kill('SIGKILL');
    await this.peer.exited;
  }

  async close() {
    await this.peer.close();
  }
}

class HttpAgent extends Agent {
  #open = new Set();

  static async open({ url, era, capabilities }) {
    const agent = new HttpAgent(era, capabilities);
    agent.url = url;
    if (agent.isModern) return agent;
    agent.peer = new HttpPeer(url);
    const opening = agent.#post({ id: 'open', method: 'initialize', params: { ...initializeParams, capabilities } });
    agent.peer.session = (await opening.answered).headers['mcp-session-id'];
    await opening.next(answers('open'));
    await agent.#tell({ method: 'notifications/initialized' });
    agent.told = agent.get();
    await agent.told.answered;
    return agent;
  }

  #keep(exchange) {
    this.#open.add(exchange);
    exchange.ended.then(() => this.#open.delete(exchange));
    return exchange;
  }

  #post(message) {
    const headers = this.isModern ? modernHeaders(message.method, message.params) : this.peer.headers();
    return this.#keep(new HttpExchange(this.url, { headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) }));
  }

  async #tell(message) {
    const exchange = this.#post(message);
    await exchange.answered;
    exchange.leave();
  }

  // The stream of a session, or one of its streams from where it broke.
  get(lastEvent) {
    const headers = { ...this.peer.headers(), accept: 'text/event-stream' };
    if (lastEvent) headers['last-event-id'] = lastEvent;
    return this.#keep(new HttpExchange(this.url, { method: 'GET', headers }));
  }

  start(method, params, options) {
    const id = this.id();
    const exchange = this.#post({ id, method, params: this.params(params, options) });
    const cancel = this.isModern
      ? async () => exchange.leave()
      : () => this.#tell({ method: 'notifications/cancelled', params: { requestId: id } });
    return {
      id, cancel, exchange,
      next: (wanted) => exchange.next(wanted),
      answer: () => exchange.next(answers(id)),
      get received() { return exchange.received; },
    };
  }

  async reply(message) {
    await this.#tell(message);
  }

  async cut() {
    const ends = [...this.#open].map(({ ended }) => ended);
    for (const exchange of this.#open) exchange.leave();
    await Promise.all(ends);
  }

  async close() {
    await this.cut();
    if (!this.isModern) await this.peer.end();
  }
}

// `where`: {home, url} of a running gateway. Over a pipe the agent comes by `toolgate connect`.
export async function openAgent(transport, where) {
  return transport === 'stdio' ? PipeAgent.open(where) : HttpAgent.open(where);
}
