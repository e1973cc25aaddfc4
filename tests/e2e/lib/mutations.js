// Every way to change one value of a JSON document that means something else, and every way to write the
// same document down differently. Nothing here knows what the gateway makes of it.

// What a number becomes that a double would confuse with another one: written by spell() in place of a string.
const rawMark = '\u0001raw:';
const raw = (text) => rawMark + text;

const pointer = (path) => path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function* nodes(value, path = []) {
  yield { value, path };
  if (value === null || typeof value !== 'object') return;
  for (const [step, inner] of Object.entries(value)) {
    yield* nodes(inner, [...path, Array.isArray(value) ? Number(step) : step]);
  }
}

function at(document, path) {
  return path.reduce((value, step) => value[step], document);
}

// A copy of the document in which the value at `path` is `change(value)`.
function changed(document, path, change) {
  const copy = structuredClone(document);
  if (path.length === 0) return change(copy);
  const parent = at(copy, path.slice(0, -1));
  parent[path.at(-1)] = change(parent[path.at(-1)]);
  return copy;
}

function renamed(object, from, to) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key === from ? to : key, value]));
}

const meaning = (value) => spell(sorted(value));
function sorted(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function* leafMutations(value) {
  switch (typeof value) {
    case 'string': {
      const middle = Math.floor(value.length / 2);
      // Not within a pair of surrogates.
      const cut = /[\udc00-\udfff]/.test(value[middle] ?? '') ? middle + 1 : middle;
      yield ['changed', `${value}x`];
      yield ['changed', ` ${value}`];
      yield ['changed to another type', value === 'true' ? true : { [value]: value }];
      yield ['given an invisible character', `${value.slice(0, cut)}\u200b${value.slice(cut)}`];
      if (value.length > 0) yield ['emptied', ''];
      break;
    }
    case 'number':
      yield ['changed', value + 1];
      yield ['changed to another type', String(value)];
      yield ['changed to a number that a double confuses', raw('9007199254740993')];
      yield ['changed to a number that a double confuses', raw(`${Number.isInteger(value) ? value : 0}.00000000000000000001`)];
      break;
    case 'boolean':
      yield ['changed', !value];
      yield ['changed to another type', String(value)];
      break;
    default:
      if (value === null) yield ['changed', false];
  }
}

function* objectMutations(document, path, value) {
  const away = (key) => changed(document, path, ({ [key]: gone, ...rest }) => rest);
  yield { how: 'added', paths: [pointer([...path, 'zz-added'])], document: changed(document, path, (old) => ({ ...old, 'zz-added': 1 })) };
  for (const key of Object.keys(value)) {
    yield { how: 'removed', paths: [pointer([...path, key])], document: away(key) };
    const other = `${key}_`;
    yield {
      how: 'renamed', paths: [pointer([...path, key]), pointer([...path, other])],
      document: changed(document, path, (old) => renamed(old, key, other)),
    };
  }
}

function* arrayMutations(document, path, value) {
  const below = pointer(path);
  yield { how: 'added', within: below, document: changed(document, path, (old) => [...old, 'zz-added']) };
  yield { how: 'added', within: below, document: changed(document, path, (old) => ['zz-added', ...old]) };
  for (const place of value.keys()) {
    yield { how: 'removed', within: below, document: changed(document, path, (old) => old.filter((_, index) => index !== place)) };
  }
  const last = value.length - 1;
  if (last > 0 && meaning(value[0]) !== meaning(value[last])) {
    const swapped = [value[last], ...value.slice(1, last), value[0]];
    yield { how: 'reordered', within: below, document: changed(document, path, () => swapped) };
  }
}

// {how, paths | within, document}: `paths` are those that must be named, of `within` at least one in it.
export function* semanticMutations(document) {
  for (const { value, path } of nodes(document)) {
    for (const [how, now] of leafMutations(value)) {
      yield { how, within: pointer(path), document: changed(document, path, () => now) };
    }
    if (Array.isArray(value)) yield* arrayMutations(document, path, value);
    else if (value !== null && typeof value === 'object') yield* objectMutations(document, path, value);
  }
}

// JSON text of a document, in a way of writing that `style` chooses for each place.
export function spell(value, style = () => ({}), path = []) {
  const { backwards, escape, number, space = '' } = style(path);
  const string = (text) => (escape ? `"${[...text].flatMap((one) => one.split('')).map(escape).join('')}"` : JSON.stringify(text));
  if (Array.isArray(value)) {
    return `[${space}${value.map((inner, index) => spell(inner, style, [...path, index])).join(`${space},${space}`)}${space}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .map(([key, inner]) => `${string(key)}${space}:${space}${spell(inner, style, [...path, key])}`);
    return `{${space}${(backwards ? members.reverse() : members).join(`${space},${space}`)}${space}}`;
  }
  if (typeof value === 'string') return value.startsWith(rawMark) ? value.slice(rawMark.length) : string(value);
  if (typeof value === 'number') return number ? number(value) : JSON.stringify(value);
  return JSON.stringify(value);
}

const hex = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
const upperHex = (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
const alternating = (unit, index) => (index % 2 === 0 ? hex(unit) : JSON.stringify(unit).slice(1, -1));
const slashes = (unit) => (unit === '/' ? '\\/' : JSON.stringify(unit).slice(1, -1));
const withFraction = (number) => (Number.isInteger(number) && Math.abs(number) < 1e15 ? `${number}.0` : JSON.stringify(number));
const withExponent = (number) => (/^-?\d+(\.\d+)?$/.test(JSON.stringify(number)) ? `${JSON.stringify(number)}E+0` : JSON.stringify(number));

const everywhere = {
  'members backwards': { backwards: true },
  'every character escaped': { escape: hex },
  'every character escaped in capitals': { escape: upperHex },
  'every other character escaped': { escape: alternating },
  'slashes escaped': { escape: slashes },
  'numbers with a fraction': { number: withFraction },
  'numbers with an exponent': { number: withExponent },
  'white space between all tokens': { space: ' \n\t\r' },
};

// {how, text}: the same document, everywhere at once and place by place.
export function* serialisations(document) {
  const plain = spell(document);
  for (const [how, style] of Object.entries(everywhere)) yield { how, text: spell(document, () => style) };
  for (const { value, path } of nodes(document)) {
    const here = pointer(path);
    const only = (style) => spell(document, (place) => (pointer(place) === here ? style : {}));
    const ways = typeof value === 'string' ? [{ escape: hex }] : typeof value === 'number' ? [{ number: withFraction }]
      : value !== null && typeof value === 'object' ? [{ backwards: true }, { space: '\n ' }] : [];
    for (const way of ways) {
      const text = only(way);
      if (text !== plain) yield { how: 'one place', text };
    }
  }
}
