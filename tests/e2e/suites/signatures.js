// Signatures of files: toolgate and the real minisign (Debian's package, where it is installed) verify what the
// other one made, and refuse the same.

import { spawnSync } from 'node:child_process';
import {
  appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure, equal } from '../lib/checks.js';
import { Home } from '../lib/gateway.js';
import { toolgate } from '../lib/programs.js';

export async function run(checks, { gateway = true } = {}) {
  if (!gateway) return;
  await alone(checks);
  await large(checks);
  const known = spawnSync('minisign', ['-v'], { encoding: 'utf8' });
  if (known.error) {
    checks.skip('the real minisign', 'there is no minisign here: apt-get install minisign');
    return;
  }
  await bothWays(checks);
  await attacks(checks);
  await foreignKeys(checks);
}

// A home with its key, and a folder with two files of a publisher.
async function stage(after) {
  const home = await Home.create({});
  after(() => home.close());
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-signatures-'));
  after(async () => rmSync(folder, { recursive: true, force: true }));
  const at = (name) => join(folder, name);
  writeFileSync(at('manifest'), '{"entry":"index.js"}\n');
  writeFileSync(at('other'), 'another file\n');
  return { home, at, key: join(home.folder, 'admin.key.pub') };
}

// What verify says: the exit status, and the line that --json prints.
function verify(home, file, key, ...more) {
  const { status, stdout, stderr } = home.run('verify', file, '--key', key, '--json', ...more);
  return { status, stderr, ...(stdout ? JSON.parse(stdout) : {}) };
}

function minisign(args, input = '') {
  const { status, stdout, stderr } = spawnSync('minisign', args, { encoding: 'utf8', timeout: 60_000, input });
  return { status, text: stdout + stderr };
}

function mustMinisign(args, input) {
  const { status, text } = minisign(args, input);
  ensure(status === 0, `minisign ${args.join(' ')} ended with ${status}: ${text}`);
  return text;
}

async function alone(checks) {
  await checks.test('a file is signed and verified; another file, key and comment are refused', async (after) => {
    const { home, at, key } = await stage(after);
    ensure(home.mustRun('sign', at('manifest'), '--comment', 'release 1').includes('manifest.minisig'), 'no name');
    const valid = verify(home, at('manifest'), key);
    equal([valid.status, valid.state, valid.comment], [0, 'valid', 'release 1'], 'what verify says');
    equal(home.run('sign', at('manifest')).status, 1, 'signing once more');

    const beside = verify(home, at('other'), key, '--signature', at('manifest.minisig'));
    equal([beside.status, beside.state, beside.comment], [3, 'invalid', null], 'with another file');
    const text = readFileSync(at('manifest.minisig'), 'utf8');
    writeFileSync(at('changed'), text.replace('release 1', 'release 2'));
    equal(verify(home, at('manifest'), key, '--signature', at('changed')).status, 3, 'with another comment');
    equal(verify(home, at('manifest'), join(home.folder, 'none.pub')).status, 1, 'without a key');
    equal(verify(home, at('none'), key).status, 1, 'without a file');
    const records = home.records('audit', 'query', '--kind', 'signature');
    equal(records.length, 1, 'records of the signature');
  });
}

async function large(checks) {
  await checks.test('1 GiB is signed and verified in 256 MiB of memory', async (after) => {
    const { home, at, key } = await stage(after);
    truncateSync(at('other'), 2 ** 30);
    for (const words of [['sign', at('other')], ['verify', at('other'), '--key', key]]) {
      const { status, stderr } = spawnSync('bash', ['-c', 'ulimit -v 262144; exec "$@"', 'bash', toolgate, ...words],
        { env: home.environment, encoding: 'utf8', timeout: 100_000 });
      equal([status, stderr], [0, ''], words[0]);
    }
  }, { seconds: 200 });
}

async function bothWays(checks) {
  await checks.test('minisign verifies what toolgate signs', async (after) => {
    const { home, at, key } = await stage(after);
    home.mustRun('sign', at('manifest'), '--comment', 'Größe\t1');
    const text = mustMinisign(['-V', '-H', '-m', at('manifest'), '-p', key]);
    ensure(text.includes('Trusted comment: Größe\t1'), `minisign says: ${text}`);
    home.mustRun('sign', at('manifest'), '--force');
    ensure(/timestamp:\d+\tfile:manifest\thashed/.test(mustMinisign(['-V', '-m', at('manifest'), '-p', key])),
      'the default comment is another one than minisign\'s');
    appendFileSync(at('manifest'), ' ');
    equal(minisign(['-V', '-m', at('manifest'), '-p', key]).status, 1, 'minisign\'s verdict on a changed file');
  });
  await checks.test('toolgate verifies what minisign signs, as it does by default and in the old way', async (after) => {
    const { home, at } = await stage(after);
    mustMinisign(['-G', '-W', '-p', at('p.pub'), '-s', at('p.key')]);
    const publisher = readFileSync(at('p.pub'), 'utf8').split('\n')[1];
    for (const way of [[], ['-l']]) {
      mustMinisign(['-S', ...way, '-s', at('p.key'), '-m', at('manifest'), '-t', 'by minisign', '-c', 'Ä\x7f']);
      for (const key of [at('p.pub'), publisher]) {
        const { status, state, comment } = verify(home, at('manifest'), key);
        equal([status, state, comment], [0, 'valid', 'by minisign'], `what verify says (${way})`);
      }
      const returns = readFileSync(at('manifest.minisig'), 'latin1').replaceAll('\n', '\r\n');
      writeFileSync(at('returns'), returns, 'latin1');
      mustMinisign(['-V', '-m', at('manifest'), '-x', at('returns'), '-p', at('p.pub')]);
      equal(verify(home, at('manifest'), at('p.pub'), '--signature', at('returns')).status, 0, 'with CR LF');
    }
    truncateSync(at('other'), 2 ** 28 + 1);
    mustMinisign(['-S', '-l', '-s', at('p.key'), '-m', at('other')]);
    const { status, stderr } = verify(home, at('other'), at('p.pub'));
    equal(status, 1, 'the status for a large file that was signed in the old way');
    ensure(stderr.includes('256 MiB'), `it says: ${stderr}`);
  });
}

async function attacks(checks) {
  await checks.test('minisign and toolgate refuse the same', async (after) => {
    const { home, at } = await stage(after);
    for (const name of ['p', 'q']) mustMinisign(['-G', '-W', '-p', at(`${name}.pub`), '-s', at(`${name}.key`)]);
    const sign = (key, file, to, ...way) => {
      mustMinisign(['-S', ...way, '-s', at(key), '-m', at(file), '-t', 'c', '-x', at(to)]);
      return readFileSync(at(to), 'utf8');
    };
    const sound = sign('p.key', 'manifest', 'sound');
    const legacy = sign('p.key', 'manifest', 'legacy', '-l');
    const elsewhere = sign('p.key', 'other', 'elsewhere').split('\n');
    const line = (text, number, by) => text.split('\n').with(number, by).join('\n');
    const cases = {
      'by another key': sign('q.key', 'manifest', 'foreign'),
      'of another file': elsewhere.join('\n'),
      'with the comment line of another one': line(sound, 2, 'trusted comment: d'),
      'with the last line of another one': line(sound, 3, elsewhere[3]),
      'with the first signature of another one': line(sound, 1, elsewhere[1]),
      'called legacy': sound.replace('\nRU', '\nRW'),
      'legacy, called hashed': legacy.replace('\nRW', '\nRU'),
      'of another algorithm': sound.replace('\nRU', '\nRV'),
      'without its comment': sound.split('\n').slice(0, 2).join('\n'),
      'of nothing': '',
    };
    for (const [name, text] of Object.entries(cases)) {
      writeFileSync(at('case'), text);
      const { status, state, comment } = verify(home, at('manifest'), at('p.pub'), '--signature', at('case'));
      equal([status, state, comment], [3, 'invalid', null], `a signature ${name}`);
      const theirs = minisign(['-V', '-m', at('manifest'), '-p', at('p.pub'), '-x', at('case')]);
      ensure(theirs.status !== 0, `minisign takes a signature ${name}`);
    }
    equal(verify(home, at('manifest'), at('p.pub'), '--signature', at('sound')).status, 0, 'the sound one');
  });
}

async function foreignKeys(checks) {
  await checks.test('toolgate signs with minisign\'s own keys, with and without a passphrase', async (after) => {
    const { home, at } = await stage(after);
    mustMinisign(['-G', '-W', '-p', at('p.pub'), '-s', at('p.key')]);
    home.mustRun('sign', at('manifest'), '--key', at('p.key'));
    mustMinisign(['-V', '-m', at('manifest'), '-p', at('p.pub')]);
    equal(home.records('audit', 'query', '--kind', 'signature').length, 0, 'records');

    mustMinisign(['-G', '-p', at('q.pub'), '-s', at('q.key')], 'a word\na word\n');
    const asked = home.run('sign', at('manifest'), '--key', at('q.key'), '--force');
    equal(asked.status, 1, 'without its passphrase');
    ensure(asked.stderr.includes('TOOLGATE_PASSPHRASE_FILE'), `it says: ${asked.stderr}`);
    home.environment.TOOLGATE_PASSPHRASE_FILE = at('word');
    writeFileSync(at('word'), 'another\n', { mode: 0o600 });
    const wrong = home.run('sign', at('manifest'), '--key', at('q.key'), '--force');
    equal(wrong.status, 1, 'with a wrong one');
    ensure(wrong.stderr.includes('is wrong'), `it says: ${wrong.stderr}`);
    writeFileSync(at('word'), 'a word\n');
    home.mustRun('sign', at('manifest'), '--key', at('q.key'), '--force');
    mustMinisign(['-V', '-m', at('manifest'), '-p', at('q.pub')]);
    equal(verify(home, at('manifest'), at('q.pub')).status, 0, 'the status of verify');
  });
}
