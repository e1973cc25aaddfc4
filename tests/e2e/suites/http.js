// The HTTP endpoint as a hostile or clumsy client meets it, sessions of several agents, streams that are
// resumed, and upstreams that speak the older HTTP+SSE.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { ensure, equal, eventually } from '../lib/checks.js';
import { connectHttp } from '../lib/clients.js';
import { Home, local, remote } from '../lib/gateway.js';
import { fixture, packageFolder } from '../lib/programs.js';
import { exchange, HttpPeer, initializeParams } from '../lib/raw.js';

const entry = () => local(process.execPath, [fixture, 'stdio', '--surface', 'features']);

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await statusCodes(checks);
  await agents(checks);
  await olderUpstreams(checks);
}

async function statusCodes(checks) {
  const home = await Home.create({ fx: entry() });
  const serving = await home.serve();
  const peer = new HttpPeer(serving.url);
  await peer.initialize();
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const cases = [
    ['a notification is accepted', 202, { body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' }],
    ['a request without a session', 400, { without: ['mcp-session-id'] }],
    ['a session that does not exist', 404, { headers: { 'mcp-session-id': 'made-up' } }],
    ['a foreign origin', 403, { headers: { origin: 'http://evil.example.com' } }],
    ['a foreign host', 403, { headers: { host: 'evil.example.com' } }],
    ['an unknown protocol version', 400, { headers: { 'mcp-protocol-version': '1999-01-01' } }],
    ['an Accept that takes no events', 406, { headers: { accept: 'text/html' } }],
    ['a body that is no JSON by its type', 415, { headers: { 'content-type': 'text/plain' } }],
    ['GET without a session', 400, { method: 'GET', without: ['mcp-session-id'], body: undefined }],
    ['GET that takes no events', 406, { method: 'GET', headers: { accept: 'application/json' }, body: undefined }],
    ['PUT', 405, { method: 'PUT' }],
    ['another path', 404, { url: new URL('/elsewhere', serving.url) }],
  ];
  for (const [name, status, { url = serving.url, method, headers = {}, without = [], body = ping }] of cases) {
    await checks.test(`${name}: HTTP ${status}`, async () => {
      const all = { ...peer.headers(), ...headers };
      for (const header of without) delete all[header];
      const sent = method === 'GET' ? undefined : body;
      equal((await exchange(url, { method, headers: all, body: sent })).status, status, 'the status');
      equal((await peer.request('again', 'ping')).result, {}, 'the answer to ping');
    }, { seconds: 15 });
  }
  await checks.test('DELETE ends the session', async () => {
    const ended = await peer.end();
    ensure([200, 202, 204].includes(ended.status), `HTTP ${ended.status}`);
    equal((await peer.post(ping)).status, 404, 'the status afterwards');
  });
  await resumption(checks, serving.url);
  await home.close();
}

// A field of an SSE event.
function fieldOf(block, name) {
  return block.split('\n').find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
}

// Reads an SSE stream, and stops after the first event that `enough` accepts: [{id, data}].
function readEvents(url, { method, headers, body }, enough) {
  return new Promise((resolve, reject) => {
    const events = [];
    const sent = httpRequest(url, { method, headers }, (response) => {
      let rest = '';
      const finish = () => {
        sent.destroy();
        resolve({ status: response.statusCode, events });
      };
      response.setEncoding('utf8').on('data', (text) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          const id = fieldOf(block, 'id');
          const data = fieldOf(block, 'data');
          if (id === undefined && data === undefined) continue;
          events.push({ id, data: data ? JSON.parse(data) : undefined });
          if (enough(events.at(-1))) return finish();
        }
      });
      response.on('end', finish).on('error', finish);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function resumption(checks, url) {
  await checks.test('a stream that broke is resumed with Last-Event-ID, and nothing is lost', async () => {
    const peer = new HttpPeer(url);
    await peer.initialize();
    const body = JSON.stringify({
      jsonrpc: '2.0', id: 'broken', method: 'tools/call',
      params: { name: 'fx__test_tool_with_progress', arguments: {}, _meta: { progressToken: 'p' } },
    });
    const first = await readEvents(url, { method: 'POST', headers: peer.headers(), body },
      ({ data }) => data?.method === 'notifications/progress');
    const last = first.events.at(-1).id;
    ensure(last, 'the event has no id');
    const headers = { ...peer.headers(), accept: 'text/event-stream', 'last-event-id': last };
    const second = await readEvents(url, { method: 'GET', headers }, ({ data }) => data?.id === 'broken');
    equal(second.events.filter(({ data }) => data?.params).map(({ data }) => data.params.progress), [50, 100],
      'the progress after the break');
    ensure(second.events.at(-1).data?.result, 'the answer is missing');
  });
}

async function agents(checks) {
  const home = await Home.create({ fx: entry() });
  const tokens = ['ann', 'ben'].map((name) => /\S{20,}/.exec(home.mustRun('agent', 'add', name))?.[0]);
  const serving = await home.serve();
  const [ann, ben] = tokens.map((token) => new HttpPeer(serving.url, { token }));
  await checks.test('without a token, or with a wrong one: HTTP 401', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams });
    equal((await new HttpPeer(serving.url).post(body)).status, 401, 'the status without a token');
    equal((await new HttpPeer(serving.url, { token: 'x'.repeat(43) }).post(body)).status, 401, 'with a wrong one');
  });
  await checks.test("one agent's session is nobody else's", async () => {
    await ann.initialize();
    await ben.initialize();
    ensure(ann.session !== ben.session, 'both have the same session');
    const own = ben.session;
    ben.session = ann.session;
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    equal((await ben.post(ping)).status, 404, 'the status of POST');
    equal((await exchange(serving.url, { method: 'GET', headers: ben.headers() })).status, 404, 'the status of GET');
    equal((await ben.end()).status, 404, 'the status of DELETE');
    ben.session = own;
    equal((await ann.request('ping', 'ping')).result, {}, "the answer in ann's session");
    equal((await ben.request('ping', 'ping')).result, {}, "the answer in ben's session");
  });
  await checks.test('the log knows who called', async () => {
    await ann.request('call', 'tools/call', { name: 'fx__echo', arguments: { who: 'ann' } });
    const records = home.records('audit', 'query');
    ensure(records.some(({ agent, tool }) => agent === 'ann' && /echo$/.test(tool ?? '')),
      'there is no record of the call');
  });
  await home.close();
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

// The published server-everything on a port of its own, in one of its HTTP modes.
async function everything(mode) {
  const port = await freePort();
  const program = join(packageFolder('@modelcontextprotocol/server-everything'), 'dist', 'index.js');
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [program, mode], { env, stdio: 'ignore' });
  const path = mode === 'sse' ? 'sse' : 'mcp';
  const url = `http://127.0.0.1:${port}/${path}`;
  await eventually(() => new Promise((resolve) => {
    const probe = httpRequest(url, (response) => resolve(response.destroy()));
    probe.on('error', () => resolve(undefined)).end();
  }), `server-everything ${mode} listens`, 20);
  return { url, stop: async () => void child.kill('SIGKILL') };
}

async function olderUpstreams(checks) {
  for (const [mode, type] of [['sse', 'sse'], ['streamableHttp', 'http']]) {
    await checks.test(`server-everything over ${mode} as the upstream`, async (after) => {
      const server = await everything(mode);
      after(() => server.stop());
      const home = await Home.create({ every: remote(server.url, { type }) });
      after(() => home.close());
      const serving = await home.serve();
      const client = await connectHttp(serving.url);
      after(() => client.close());
      const { content } = await client.callTool({ name: 'every__echo', arguments: { message: mode } });
      equal(content, [{ type: 'text', text: `Echo: ${mode}` }], 'the answer');
      const seen = [];
      await client.callTool({ name: 'every__trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 } },
        undefined, { onprogress: ({ progress }) => seen.push(progress) });
      equal(seen, [1, 2], 'the progress');
    }, { seconds: 90 });
  }
}
