// A model in place of Anthropic's and Google's, on loopback, for harnesses whose command line wants one: it
// calls the first tool whose name ends as wanted, once, and then says that it is done.

import { createServer } from 'node:http';
import { once } from 'node:events';

// {url, calls, results, stop()}: the names that it called, and what the harness told it then, as JSON.
export async function startModel(ending, args) {
  const model = { calls: [], results: [] };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const dialect = dialects.find(({ path }) => path.test(request.url));
      if (!dialect) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
      const asked = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const results = dialect.results(asked);
      const name = dialect.tools(asked).find((tool) => tool.endsWith(ending));
      const calls = name !== undefined && results.length === 0;
      if (calls) model.calls.push(name);
      model.results.push(...results.map((result) => JSON.stringify(result)));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(dialect.answer(asked, calls ? { name, args } : undefined)
        .map((event) => `${event.type ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`).join(''));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  model.url = `http://127.0.0.1:${server.address().port}`;
  model.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return model;
}

// `call` is {name, args}, or nothing: then the answer is a word.
const dialects = [
  {
    path: /^\/v1\/messages(\?|$)/,
    tools: ({ tools = [] }) => tools.map(({ name }) => name),
    results: ({ messages }) => messages.flatMap(({ content }) => (Array.isArray(content) ? content : []))
      .filter(({ type }) => type === 'tool_result'),
    answer: ({ model }, call) => [
      {
        type: 'message_start',
        message: {
          id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: null,
          stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
        },
      },
      {
        type: 'content_block_start', index: 0,
        content_block: call ? { type: 'tool_use', id: 'toolu_1', name: call.name, input: {} }
          : { type: 'text', text: '' },
      },
      {
        type: 'content_block_delta', index: 0,
        delta: call ? { type: 'input_json_delta', partial_json: JSON.stringify(call.args) }
          : { type: 'text_delta', text: 'done' },
      },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta', delta: { stop_reason: call ? 'tool_use' : 'end_turn', stop_sequence: null },
        usage: { output_tokens: 1 },
      },
      { type: 'message_stop' },
    ],
  },
  {
    path: /:streamGenerateContent/,
    tools: ({ tools = [] }) => tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations)
      .map(({ name }) => name),
    results: ({ contents }) => contents.flatMap(({ parts }) => parts)
      .filter(({ functionResponse }) => functionResponse),
    answer: (_, call) => [{
      candidates: [{
        content: { role: 'model', parts: [call ? { functionCall: call } : { text: 'done' }] }, finishReason: 'STOP',
        index: 0,
      }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    }],
  },
];
