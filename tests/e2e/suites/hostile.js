// Messages that no client should send, over stdio and over HTTP: each gets the error that the table of the
// unit tests says, and the connection is as good as before. The table is printed by hostile_messages.

import { execFileSync } from 'node:child_process';
import { ensure, equal } from '../lib/checks.js';
import { Home, local } from '../lib/gateway.js';
import { echoServer, helperProgram } from '../lib/programs.js';
import { HttpPeer, messagesOf } from '../lib/raw.js';

function table() {
  return execFileSync(helperProgram('hostile_messages'), { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\n').filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map((row) => ({ ...row, bytes: Buffer.from(row.bytes_base64, 'base64') }));
}

function judge(row, error) {
  ensure(error?.error, `the answer is no error: ${JSON.stringify(error).slice(0, 300)}`);
  equal({ code: error.error.code, id: error.id ?? null }, { code: row.code, id: row.id }, 'code and id');
}

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const rows = table();
  const home = await Home.create({ echo: local(process.execPath, [echoServer]) });
  try {
    await overStdio(checks, home, rows);
    await overHttp(checks, home, rows);
  } finally {
    await home.close();
  }
}

async function overStdio(checks, home, rows) {
  const peer = home.stdio();
  await peer.initialize();
  for (const row of rows.filter(({ one_line }) => one_line)) {
    await checks.test(`stdio: ${row.name}`, async () => {
      const ping = `ping after ${row.name}`;
      const from = peer.received.length;
      peer.write(Buffer.concat([row.bytes, Buffer.from('\n')]));
      const pong = await peer.request(ping, 'ping');
      equal(pong.result, {}, 'the answer to ping');
      judge(row, peer.received.slice(from).find((message) => message !== pong));
    }, { seconds: 30 });
  }
  await checks.test('stdio: a call still works after all of them', async () => {
    const reply = await peer.request('last', 'tools/call', { name: 'echo__echo', arguments: { text: 'alive' } });
    equal(reply.result?.content?.[0]?.text, 'echo:alive', 'the answer');
  });
}

async function overHttp(checks, home, rows) {
  const serving = await home.serve();
  const peer = new HttpPeer(serving.url);
  await peer.initialize();
  for (const row of rows) {
    await checks.test(`HTTP: ${row.name}`, async () => {
      const answer = await peer.post(row.bytes);
      ensure(answer.status >= 200 && answer.status < 500, `HTTP ${answer.status}`);
      judge(row, messagesOf(answer)[0]);
      equal((await peer.request('ping', 'ping')).result, {}, 'the answer to ping');
    }, { seconds: 30 });
  }
  await checks.test('HTTP: a call still works after all of them', async () => {
    const reply = await peer.request('last', 'tools/call', { name: 'echo__echo', arguments: { text: 'alive' } });
    equal(reply.result?.content?.[0]?.text, 'echo:alive', 'the answer');
  });
}
