// Sockets: the network, the host's loopback, and the sockets that files are.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ensure, equal, eventually } from '../lib/checks.js';
import { finished, plainEnvironment } from '../lib/sandboxes.js';

const outside = Object.values(networkInterfaces()).flat().find(({ internal,
  family }) => !internal && family === 'IPv4');

// Listens as docker or an ssh agent would; `seen` counts who came.
async function listening(after, at, seen) {
  const server = createServer((socket) => { seen.count += 1; socket.end('HOST-AUTHORITY'); });
  server.listen(at);
  await once(server, 'listening');
  after(async () => server.close());
  return server;
}

const seen = new Map();
function counter(folder) {
  if (!seen.has(folder)) seen.set(folder, { count: 0 });
  return seen.get(folder);
}
const nobodyCame = (folder) => equal(counter(folder).count, 0, 'how many came');

function unixSockets(mode) {
  return {
    name: `N6 docker.sock and an agent's socket in a ${mode} scope`, scopes: [`--${mode}`, '@/s'],
    make: async (folder, after) => {
      folder.make('@/s/run');
      for (const name of ['docker.sock',
        'run/agent.1']) await listening(after, folder.at(`@/s/${name}`), counter(folder));
      folder.shell('chmod 777 @/s/docker.sock @/s/run/agent.1');
    },
    tries: [
      ['connect_unix @/s/docker.sock', 'denied EAFNOSUPPORT'], ['connect_unix @/s/run/agent.1', 'denied EAFNOSUPPORT'],
      ['connect_pair @/s/docker.sock', /^denied/], ['read @/s/docker.sock', 'denied ENXIO'],
      ['write @/s/docker.sock', /^denied/],
    ],
    host: nobodyCame,
  };
}

// (A pair of type 5 ignores the address: what is sent arrives at its other end.)
function datagrams(mode) {
  const waiting = new Map();
  return {
    name: `a datagram socket of the host in a ${mode} scope, reached from a pair`, scopes: [`--${mode}`, '@/s'],
    make: async (folder, after) => {
      const child = spawn(folder.runner.escape, ['await_datagram', folder.at('@/s/log'), '30'],
        { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      // It forks for the attack: all of its group ends.
      const end = () => { if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid); };
      after(async () => end());
      waiting.set(folder, finished(child));
      await eventually(() => folder.exists('@/s/log'), 'the socket');
      folder.shell('chmod 777 @/s/log');
      waiting.get(folder).end = end;
    },
    tries: [['send_from_pair @/s/log 2', 'denied EPERM'], ['send_from_pair @/s/log 3', 'denied EPERM'],
      ['send_from_pair @/s/log 5', 'succeeded']],
    host: async (folder) => {
      waiting.get(folder).end();
      const { stdout } = await waiting.get(folder);
      ensure(!stdout.includes('attack'), 'a datagram left the sandbox');
    },
  };
}

export const cases = [
  {
    name: 'N1 the network, directly',
    tries: [
      ['connect 192.0.2.1 80', /^denied (EACCES|ENETUNREACH)$/],
      ['connect 2001:db8::1 443', /^denied (EACCES|ENETUNREACH)$/],
      ['send_udp 192.0.2.1 53', 'denied ENETUNREACH'], ['send_udp 2001:db8::1 53', 'denied ENETUNREACH'],
      ['connect 8.8.8.8 53', /^denied (EACCES|ENETUNREACH)$/], ['send_udp 224.0.0.251 5353', 'denied ENETUNREACH'],
      ['send_udp 255.255.255.255 67', /^denied/],
    ],
  },
  {
    name: 'N2 the metadata of a cloud',
    tries: [
      ['connect 169.254.169.254 80', /^denied (EACCES|ENETUNREACH)$/],
      ['send_udp 169.254.169.254 80', 'denied ENETUNREACH'],
      ['connect fd00:ec2::254 80', /^denied (EACCES|ENETUNREACH)$/],
      ['connect 100.100.100.200 80', /^denied (EACCES|ENETUNREACH)$/],
    ],
  },
  {
    name: 'N3 who listens at the loopback of the host, and at its address',
    make: async (folder, after) => {
      for (const port of [45_813]) await listening(after, { port, host: '0.0.0.0',
        exclusive: false }, counter(folder)).catch(() => {});
    },
    tries: [
      ['connect 127.0.0.1 45813', /^denied (EACCES|ECONNREFUSED)$/],
      ['connect ::1 45813', /^denied (EACCES|ECONNREFUSED)$/],
      ['send_fast_open 127.0.0.1 45813', 'denied EOPNOTSUPP'],
      ['connect_mptcp 127.0.0.1 45813', 'denied EPROTONOSUPPORT'],
      [`connect ${outside?.address ?? '192.0.2.1'} 45813`, /^denied (EACCES|ENETUNREACH)$/],
      ['connect 0.0.0.0 45813', /^denied/],
    ],
    host: nobodyCame,
  },
  {
    name: 'N4 every other family, type and protocol',
    tries: [
      ['send_fast_open 192.0.2.1 80', 'denied EOPNOTSUPP'], ['message_fast_open 192.0.2.1 80', 'denied EOPNOTSUPP'],
      ['fast_open_connect', 'denied EPERM'], ['connect_mptcp 192.0.2.1 80', 'denied EPROTONOSUPPORT'],
      ['connect_sctp 192.0.2.1 80', 'denied EPROTONOSUPPORT'], ['socket 2 3 1', 'denied EPERM'],
      ['socket 10 3 58', 'denied EPERM'],
      ['socket 2 5 132', /^denied/], ['socket 17 3 0', 'denied EAFNOSUPPORT'], ['socket 40 1 0', 'denied EAFNOSUPPORT'],
      ['socket 0x100000028 1 0', 'denied EAFNOSUPPORT'], ['socket 0x700000001 1 0', 'denied EAFNOSUPPORT'],
      ['socket 44 3 0', 'denied EAFNOSUPPORT'],
      ['socket 38 5 0', 'denied EAFNOSUPPORT'], ['socket 1 1 0', 'denied EAFNOSUPPORT'],
      ['socket 1 2 0', 'denied EAFNOSUPPORT'],
      ['socket 16 3 9', 'denied EPROTONOSUPPORT'], ['socket 16 3 12', 'denied EPROTONOSUPPORT'],
      ['socket 16 2 15', 'denied EPROTONOSUPPORT'],
      ['socket 2 10 0', /^denied/], ['socket 0x102 0x100000003 1', /^denied/],
      ['socket 2 0x100000003 255', 'denied EPERM'],
    ],
  },
  {
    name: 'socket pairs: streams alone, and of one family',
    tries: [
      ['socketpair 1 1', 'succeeded'], ['socketpair 1 5', 'succeeded'], ['socketpair 1 2', 'denied EPERM'],
      ['socketpair 1 3', 'denied EPERM'],
      ['socketpair 1 0x80802', 'denied EPERM'], ['socketpair 1 0x100000002', 'denied EPERM'],
      ['socketpair 0x100000001 2', 'denied EPERM'],
      ['socketpair 40 1', 'denied EAFNOSUPPORT'], ['socketpair 30 1', 'denied EAFNOSUPPORT'],
    ],
  },
  { name: 'interfaces can be listed, as many programs do at their start', tries: [['list_interfaces', 'succeeded'],
    ['socket 16 3 0', 'succeeded']] },
  { name: 'N5 io_uring', tries: [['io_uring_setup', 'denied ENOSYS'], ['io_uring_enter', 'denied ENOSYS']] },
  unixSockets('ro'), unixSockets('rw'), unixSockets('keep'),
  datagrams('ro'), datagrams('rw'),
  {
    name: 'N6 an abstract socket of the host',
    make: (folder, after) => listening(after, `\0toolgate-escape-${folder.path}`, counter(folder)),
    tries: [['connect_unix !toolgate-escape-@', 'denied EAFNOSUPPORT'], ['connect_pair !toolgate-escape-@', /^denied/]],
    host: nobodyCame,
  },
  {
    name: 'N33 nobody reaches a port of the sandbox, and there is none',
    tries: [['listen 45814', 'denied EACCES'], ['listen 80', 'denied EACCES'], ['listen_without_bind', 'succeeded']],
  },
  {
    name: 'N33 one sandbox does not reach another', tries: [['send_udp 127.0.0.1 45815', 'succeeded'],
      ['connect 127.0.0.1 45815', /^denied/]],
  },
];
