// The official SDK's clients: version 1, which most harnesses build on, and version 2.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';

const who = { name: 'toolgate-e2e', version: '1.0.0' };

// `prepare(client)` may set handlers before the connection is made.
export async function connectStdio(parameters, { capabilities = {}, prepare = () => {} } = {}) {
  const client = new Client(who, { capabilities });
  prepare(client);
  const transport = new StdioClientTransport({ stderr: 'ignore', ...parameters });
  await client.connect(transport);
  return client;
}

export async function connectHttp(url, { capabilities = {}, prepare = () => {}, headers = {} } = {}) {
  const client = new Client(who, { capabilities });
  prepare(client);
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return client;
}

// Version 2 speaks both eras. It is told which one, so that it cannot fall back unseen.
function client2({ era = 'legacy', capabilities = {}, prepare = () => {} }) {
  const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy';
  const client = new Client2(who, { capabilities, versionNegotiation: { mode } });
  prepare(client);
  return client;
}

export async function connectStdio2(parameters, options = {}) {
  const client = client2(options);
  await client.connect(new Stdio2({ stderr: 'ignore', ...parameters }));
  return client;
}

export async function connectHttp2(url, options = {}) {
  const client = client2(options);
  await client.connect(new Http2(new URL(url)));
  return client;
}

// What a client can see of a server, page by page.
export async function listAll(client, method, key) {
  const items = [];
  let cursor;
  do {
    const page = await client[method](cursor === undefined ? {} : { cursor });
    items.push(...page[key]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}
