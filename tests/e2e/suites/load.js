// Many sessions and many calls at once over HTTP, every answer checked: none lost, none mixed up, none
// twice. The gateway's memory is sampled on the way and must stay flat. `--full` is the size that the
// project promises (1,000 sessions, 100,000 calls over 10 servers); the default is a fifth of it.

import { Agent } from 'node:http';
import { ensure } from '../lib/checks.js';
import { Home, local } from '../lib/gateway.js';
import { echoServer } from '../lib/programs.js';
import { residentBytes } from '../lib/processes.js';
import { HttpPeer } from '../lib/raw.js';

const servers = 10;

export async function run(checks, { gateway = true, full = false } = {}) {
  if (!gateway) return;
  const size = full ? { sessions: 1000, calls: 100_000 } : { sessions: 200, calls: 20_000 };
  const entries = Object.fromEntries(Array.from({ length: servers }, (_, at) =>
    [`echo${at}`, local(process.execPath, [echoServer, `echo${at}`])]));
  const home = await Home.create(entries);
  try {
    await checks.test(`${size.calls} calls in ${size.sessions} sessions over ${servers} servers`,
      () => load(home, size), { seconds: full ? 900 : 240 });
  } finally {
    await home.close();
  }
}

// Runs `count` jobs, `width` of them at a time.
async function inParallel(count, width, job) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await job(next++);
  }));
}

async function load(home, { sessions, calls }) {
  const serving = await home.serve();
  const agent = new Agent({ keepAlive: true, maxSockets: sessions });
  const peers = Array.from({ length: sessions }, () => new HttpPeer(serving.url, { agent }));
  const samples = [];
  try {
    await inParallel(sessions, 64, (at) => peers[at].initialize());
    const perSession = calls / sessions;
    let done = 0;
    const callAll = async (peer, session) => {
      for (let at = 0; at < perSession; at += 1) {
        await callOne(peer, session, at);
        done += 1;
        if (done % Math.floor(calls / 20) === 0) samples.push(residentBytes(serving.process.pid));
      }
    };
    const started = performance.now();
    await Promise.all(peers.map(callAll));
    const seconds = (performance.now() - started) / 1000;
    ensure(done === calls, `${done} of ${calls} calls were answered`);
    report(samples, calls, seconds);
    await inParallel(sessions, 64, async (at) => {
      const { status } = await peers[at].end();
      ensure(status >= 200 && status < 300, `ending a session: HTTP ${status}`);
    });
  } finally {
    agent.destroy();
    await serving.stop();
  }
}

async function callOne(peer, session, at) {
  const id = `${session}-${at}`;
  const server = `echo${(session + at) % servers}`;
  const reply = await peer.request(id, 'tools/call', { name: `${server}__echo`, arguments: { text: id } });
  const text = reply?.result?.content?.[0]?.text;
  ensure(text === `${server}:${id}`, `${server} was asked for ${id} and answered ${JSON.stringify(reply)}`);
}

// Flat: the second half of the run holds no more than a tenth and 8 MiB above the end of the first.
function report(samples, calls, seconds) {
  const mib = (bytes) => Math.round(bytes / (1 << 20));
  const middle = samples[Math.floor(samples.length / 2)];
  const peak = Math.max(...samples);
  console.log(`      ${Math.round(calls / seconds)} calls a second; memory ${samples.map(mib).join(' ')} MiB`);
  ensure(peak <= middle * 1.1 + (8 << 20),
    `memory grows: ${mib(middle)} MiB in the middle, ${mib(peak)} MiB at most`);
}
