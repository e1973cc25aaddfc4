// A proxy that hands each HTTP request to the next of several gateways, as a load balancer without affinity
// does: {url, counts, stop()}, where the counts are the requests that each gateway got.

import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';

export async function roundRobin(gateways) {
  const counts = gateways.map(() => 0);
  let next = 0;
  const proxy = createServer((request, response) => {
    const at = next++ % gateways.length;
    counts[at] += 1;
    const { host } = new URL(gateways[at]);
    const headers = { ...request.headers, host };
    const onward = httpRequest(gateways[at], { method: request.method, headers, agent: false });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.on('error', () => response.destroy()).pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${proxy.address().port}/mcp`,
    counts,
    async stop() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
