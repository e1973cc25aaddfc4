// A harness in a few lines, on the official SDK's client. It lists the tools, makes some calls, and shows a
// refusal as the model would see it.
//
//   node client.mjs stdio COMMAND ARGS...     starts the gateway as a stdio server
//   node client.mjs http URL                  talks to `toolgate serve`

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const [kind, target, ...args] = process.argv.slice(2);
const transport = kind === 'stdio'
  ? new StdioClientTransport({ command: target, args, env: process.env, stderr: 'ignore' })
  : new StreamableHTTPClientTransport(new URL(target));
const client = new Client({ name: 'quickstart', version: '1.0.0' });
await client.connect(transport);

const { tools } = await client.listTools();
console.log(`  ${tools.length} tools, among them ${tools.slice(0, 4).map(({ name }) => name).join(', ')}`);

// Makes one call and prints what comes back; a refusal is a result with isError, or an error.
async function call(name, parameters) {
  const result = await client.callTool({ name, arguments: parameters })
    .catch((error) => ({ isError: true, content: [{ text: error.message }] }));
  const text = result.content.map((item) => item.text ?? `(${item.type})`).join(' ').replace(/\s+/g, ' ');
  console.log(`  ${name} -> ${result.isError ? 'REFUSED: ' : ''}${text.slice(0, 160)}`);
}

const folder = process.env.QUICKSTART_FOLDER;
await call('everything__echo', { message: `hello over ${kind}` });
await call('files__read_text_file', { path: `${folder}/note.txt` });
await call('files__read_text_file', { path: '/etc/passwd' });
await call('memory__search_nodes', { query: 'toolgate' });
await call('files__write_file', { path: `${folder}/note.txt`, content: 'overwritten' });
await client.close();
