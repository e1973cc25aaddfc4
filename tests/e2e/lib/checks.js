// The smallest test runner that does what these tests need: named tests with a deadline, in order, counted.
// A test that throws has failed; everything it left behind is cleaned up by what `after` was given.

import { isDeepStrictEqual } from 'node:util';

export class Checks {
  passed = 0;
  failed = 0;
  skipped = 0;
  #suite;

  constructor(suite) {
    this.#suite = suite;
  }

  // Runs one test. `body` gets `after(cleanup)`: cleanups run last to first, whether the test passed or not.
  async test(name, body, { seconds = 60 } = {}) {
    const cleanups = [];
    const started = performance.now();
    let failure;
    try {
      await withDeadline(body((cleanup) => cleanups.push(cleanup)), seconds, name);
    } catch (error) {
      failure = error;
    }
    for (const cleanup of cleanups.reverse()) {
      await withDeadline(cleanup(), 20, `cleaning up after ${name}`).catch((error) => (failure ??= error));
    }
    this.#record(name, failure, Math.round(performance.now() - started));
    return failure === undefined;
  }

  // Counts a result that was found in another way.
  record(name, problem) {
    this.#record(name, problem === undefined ? undefined : new Error(problem), 0);
  }

  // Says what could not be tested here, and why.
  skip(name, reason) {
    this.skipped += 1;
    console.log(`skip  ${this.#suite}: ${name}: ${reason}`);
  }

  #record(name, failure, ms) {
    if (failure === undefined) {
      this.passed += 1;
      console.log(`ok    ${this.#suite}: ${name}${ms > 1000 ? ` (${(ms / 1000).toFixed(1)} s)` : ''}`);
      return;
    }
    this.failed += 1;
    console.log(`FAIL  ${this.#suite}: ${name}`);
    console.log(indent(failure.expected === undefined && failure.stack ? failure.stack : failure.message));
  }
}

function indent(text) {
  return String(text).split('\n').slice(0, 40).map((line) => `        ${line}`).join('\n');
}

// The promise's value, or an error once the time is up.
export async function withDeadline(promise, seconds, what) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end after ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, expected, what = 'value') {
  if (isDeepStrictEqual(actual, expected)) return;
  const difference = firstDifference(actual, expected, '');
  throw new Error(`${what} differs${difference}`);
}

// Where two values part, as "at /path: is X, expected Y".
function firstDifference(actual, expected, path) {
  const bothObjects = [actual, expected].every((value) => typeof value === 'object' && value !== null);
  if (bothObjects && Array.isArray(actual) === Array.isArray(expected)) {
    for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
      if (!isDeepStrictEqual(actual[key], expected[key])) {
        return firstDifference(actual[key], expected[key], `${path}/${key}`);
      }
    }
  }
  return ` at ${path || '/'}: is ${short(actual)}, expected ${short(expected)}`;
}

function short(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

export async function rejects(promise, pattern, what = 'the call') {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  ensure(error, `${what} succeeded, but should have failed with ${pattern}`);
  ensure(pattern.test(error.message), `${what} failed with "${error.message}", expected ${pattern}`);
  return error;
}

// Waits until `probe` returns something true, and returns it. It looks again whenever `seconds` allow: for
// things that no event announces, such as the end of somebody else's process.
export async function eventually(probe, what, seconds = 10) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    ensure(performance.now() < end, `${what}: still not so after ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
