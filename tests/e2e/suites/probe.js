// The gateway asks each server for its era before anything else, and servers of the legacy era never heard of
// that question: whatever they make of it, they must be of use afterwards.

import { fileURLToPath } from 'node:url';
import { ensure, equal } from '../lib/checks.js';
import { Home, local, remote } from '../lib/gateway.js';
import { ask, withEnvelope } from '../lib/modern.js';
import { startServer } from './conformance.js';

const script = (name) => fileURLToPath(new URL(`../fixture/${name}`, import.meta.url));
const textOf = ({ result }) => result.content.map(({ text }) => text).join('');

// What becomes of a server that answers so when it is asked for its era: `used` or `refused`. It is asked at
// every start, and may take half of start_ms to answer.
const ways = {
  stdio: {
    used: [
      'says nothing', 'answers when nobody waits any more', 'dies', 'writes garbage', 'answers twice',
      'answers with no result and no error', 'answers with a result that is no object', 'answers with an empty result',
      'answers with the result of initialize', 'answers another request', 'wants to be initialized first',
      'finds the parameters wrong', 'has an error of its own',
    ],
    refused: [
      'speaks another revision of the modern era', 'lists other revisions only', 'lists revisions in another form',
      'lists no capabilities',
    ],
  },
  HTTP: {
    used: [
      'answers HTTP 400 and a word', 'answers HTTP 400 and nothing', 'answers HTTP 400 and an error of its own',
      'answers HTTP 404', 'answers HTTP 406', 'answers HTTP 422', 'answers HTTP 500', 'answers HTTP 501',
      'answers HTTP 200 and a page', 'answers HTTP 200 and broken JSON', 'answers HTTP 200 and an error',
      'answers HTTP 202', 'answers with a stream that ends', 'answers with a stream that says nothing', 'says nothing',
      'hangs up',
    ],
    refused: [],
  },
};

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  for (const transport of Object.keys(ways)) await oddServers(checks, transport);
}

async function oddServers(checks, transport) {
  const { used, refused } = ways[transport];
  const names = new Map([...used, ...refused].map((way, at) => [way, `odd${at}`]));
  const limits = { start_ms: 4000 };
  const running = [];
  const entryFor = async (way) => {
    if (transport === 'stdio') return local(process.execPath, [script('odd.js'), way], { limits });
    running.push(await startServer(script('odd-http.js'), way));
    return remote(running.at(-1).url, { limits });
  };
  let home;
  let serving;
  const ready = await checks.test(`${transport}: servers that answer oddly when asked for their era are reviewed`, async () => {
    const entries = await Promise.all([...names].map(async ([way, name]) => [name, await entryFor(way)]));
    home = await Home.create(Object.fromEntries(entries), { approve: false });
    home.run('review', '--yes', '--json');
    for (const way of used) home.run('approve', names.get(way));
    serving = await home.serve();
  }, { seconds: 60 });
  const call = (way) => ask(serving.url, 'tools/call',
    withEnvelope({ name: `${names.get(way)}__echo`, arguments: { way } }));
  for (const way of ready ? used : []) {
    await checks.test(`${transport}: a server that ${way} when asked for its era is used as one of the legacy era`, async () => {
      const { message } = await call(way);
      if (!message.result?.content) {
        const { stdout, stderr } = home.run('review', names.get(way));
        throw new Error(`the call was refused: ${message.error?.message}; the review says: ${stdout}${stderr}`);
      }
      equal(JSON.parse(textOf(message)), { way }, 'the answer');
    });
  }
  for (const way of ready ? refused : []) {
    await checks.test(`${transport}: a server that ${way} when asked for its era is refused, and it is said why`, async () => {
      const { status, stderr, stdout } = home.run('review', names.get(way));
      ensure(status !== 0, 'the review succeeds');
      ensure(/revision|capabilities/.test(stderr + stdout), `it says ${stderr}${stdout}`);
      ensure((await call(way)).message.error, 'its tool can be called');
    });
  }
  await home?.close();
  for (const one of running) await one.stop();
}
