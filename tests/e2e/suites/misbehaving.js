// Servers that break the rules, each behind the gateway next to a healthy one: the agent gets a clear error,
// the healthy server never notices, and no process is left when the gateway ends, however it ends.

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, equal, eventually, withDeadline } from '../lib/checks.js';
import { connectStdio } from '../lib/clients.js';
import { Home, local } from '../lib/gateway.js';
import { isAlive, mentioning, residentBytes } from '../lib/processes.js';
import { echoServer, helperProgram } from '../lib/programs.js';

// The tools of misbehaving_server. A call is either refused, with a text that names the server, or it is
// answered in spite of everything; `text` says what the answer must then look like.
const quick = { call_ms: 1500 };
const cases = [
  { tool: 'crash_mid_call', refused: true },
  { tool: 'close_stdout', refused: true, limits: quick },
  { tool: 'hang', refused: true, limits: quick },
  { tool: 'answer_late', args: { ms: 3000 }, refused: true, limits: quick },
  { tool: 'huge_result', args: { bytes: 20 << 20 }, refused: true, limits: { call_ms: 10_000 } },
  { tool: 'duplicate_keys_answer', refused: true, limits: quick },
  { tool: 'flood_line', args: { megabytes: 100 }, refused: false },
  { tool: 'flood_garbage', args: { megabytes: 100 }, refused: false },
  { tool: 'flood_stderr', args: { megabytes: 100 }, refused: false },
  { tool: 'close_stdin', refused: false },
  { tool: 'ignore_eof', refused: false },
  { tool: 'bad_json_then_answer', refused: false },
  { tool: 'answer_twice', refused: false },
  { tool: 'answer_unknown_id', refused: false },
  { tool: 'fork_grandchildren', refused: false },
  { tool: 'ansi', refused: false, text: /^[^\u001b\u009b]*$/ },
  { tool: 'tags', refused: true },
];

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  for (const one of cases) {
    const outcome = one.refused ? 'the agent gets an error' : 'the agent gets its answer';
    await checks.test(`${one.tool}: ${outcome}, the neighbour notices nothing`,
      (after) => besideHealthy(after, one), { seconds: 90 });
  }
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    await checks.test(`no process is left after ${signal} to the gateway`, (after) => noneLeft(after, signal),
      { seconds: 90 });
  }
  await checks.test('no process is left when the agent closes stdin', (after) => noneLeft(after, 'EOF'),
    { seconds: 90 });
}

// A home with a bad server, whose processes all mention the home's folder on their command line.
async function homeWith(limits) {
  const home = await Home.create({}, { approve: false });
  const program = join(home.folder, 'bad-server');
  symlinkSync(helperProgram('misbehaving_server'), program);
  const healthy = join(home.folder, 'echo.js');
  symlinkSync(echoServer, healthy);
  home.write({
    mcpServers: {
      bad: local(program, [], limits ? { limits } : {}),
      good: local(process.execPath, [healthy, 'good']),
    },
  });
  await home.approve(['bad', 'good']);
  return home;
}

async function besideHealthy(after, one) {
  const home = await homeWith(one.limits);
  after(() => home.close());
  const client = await connectStdio(home.stdioParameters());
  after(() => client.close());
  const good = async (text) => {
    const answer = await withDeadline(client.callTool({ name: 'good__echo', arguments: { text } }), 5, 'the healthy server');
    equal(answer.content[0].text, `good:${text}`, 'the answer of the healthy server');
  };
  await good('before');
  const bad = client.callTool({ name: `bad__${one.tool}`, arguments: one.args ?? {} }).catch((error) => ({ thrown: error }));
  let pending = true;
  const settled = bad.finally(() => (pending = false));
  for (let at = 0; at < 5 || (pending && at < 200); at += 1) await good(`during ${at}`);
  const result = await settled;
  const text = result.thrown?.message ?? result.content.map((item) => item.text).join('');
  equal(Boolean(result.thrown || result.isError), one.refused, `being refused (the answer is "${text.slice(0, 300)}")`);
  if (one.refused) ensure(/\bbad\b/.test(text), `the error does not name the server: ${text.slice(0, 300)}`);
  ensure(one.text === undefined || one.text.test(text), `the answer was not cleaned: ${JSON.stringify(text.slice(0, 300))}`);
  await good('after');
  const bytes = residentBytes(client.transport.pid);
  ensure(bytes < 256 << 20, `the gateway holds ${Math.round(bytes / (1 << 20))} MiB`);
}

// `how` the gateway ends: a signal, or EOF on its stdin.
async function noneLeft(after, how) {
  const home = await homeWith();
  after(() => home.close());
  const peer = home.stdio();
  await peer.initialize();
  const forked = await peer.request('bad', 'tools/call', { name: 'bad__fork_grandchildren', arguments: {} });
  const grandchildren = (forked.result.content[0].text.match(/\d+/g) ?? []).map(Number).filter(isAlive);
  ensure(grandchildren.length > 0, `there are no grandchildren: ${JSON.stringify(forked.result)}`);
  await peer.request('good', 'tools/call', { name: 'good__echo', arguments: { text: 'x' } });
  if (how === 'EOF') peer.process.stdin.end();
  else peer.process.kill(how);
  await peer.exited;
  const left = () => [...mentioning(home.folder).map(({ command }) => command), ...grandchildren.filter(isAlive)];
  await eventually(() => left().length === 0, `the end of ${left().join(', ')}`, 15);
}
