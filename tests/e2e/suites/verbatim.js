// What was inspected is what is forwarded: arguments and results arrive byte for byte, numbers that no
// double holds and unusual escapes included. Only the envelope around them is the gateway's own.

import { ensure } from '../lib/checks.js';
import { Home, local } from '../lib/gateway.js';
import { echoServer } from '../lib/programs.js';
import { HttpPeer } from '../lib/raw.js';

const sent = String.raw`{"a":1.10,"big":98765432109876543210,"e":1e+2,"minus":-0,"t":"\u00e9\/\ud83d\ude00 ü"}`;
const answered = String.raw`{"n":1.10,"big":12345678901234567890,"e":1E+2,"minus":-0,"text":"\u00e9\/\ud83d\ude00"}`;
const request = `{"jsonrpc":"2.0","id":"v","method":"tools/call","params":{"name":"echo__verbatim","arguments":${sent}}}`;

function judge(bytes, reply) {
  ensure(bytes.includes(answered), `the result was rewritten: ${bytes.slice(0, 600)}`);
  const line = Buffer.from(reply.result.content[0].text, 'base64').toString('utf8');
  ensure(line.includes(sent), `the arguments were rewritten: ${line.slice(0, 600)}`);
}

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  const home = await Home.create({ echo: local(process.execPath, [echoServer]) });
  try {
    await checks.test('over stdio', async () => {
      const peer = home.stdio();
      await peer.initialize();
      const reply = peer.next(({ id }) => id === 'v');
      peer.write(`${request}\n`);
      judge((await reply, peer.lines.at(-1)), await reply);
    });
    await checks.test('over HTTP', async () => {
      const serving = await home.serve();
      const peer = new HttpPeer(serving.url);
      await peer.initialize();
      const { body } = await peer.post(request);
      judge(body, JSON.parse(/\{"jsonrpc".*\}/.exec(body)?.[0] ?? 'null'));
    });
  } finally {
    await home.close();
  }
}
