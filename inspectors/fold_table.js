#!/usr/bin/env node
// Writes fold_table.cpp: which characters below U+3400 stand for a Latin letter, digit or ASCII
// mark. Three kinds, since they mean different things: an accent is ordinary writing, a styled
// letter is decoration, and a lookalike is another script's letter that only imitates Latin among
// Latin letters. Run it again when the lists change:  node fold_table.js > fold_table.cpp

// Letters of other scripts by their looks (after Unicode Technical Standard 39).
const lookalikes = {
  a: 'аΑαɑАᎪ', b: 'ВвΒЬᏴ', c: 'сСϲⲥᏟ', d: 'ԁᎠᏧ', e: 'еЕΕҽᎬ', f: 'Ϝƒ', g: 'ɡԌᏀ', h: 'һНΗհᎻн',
  i: 'іІΙιӀᎥӏ', j: 'јЈϳᎫ', k: 'кКΚκᏦ', l: 'ⅼᏞ', m: 'МΜмᎷ', n: 'ΝՈոп', o: 'оОΟοօՕ', p: 'рРΡρᏢ',
  q: 'ԛգ', r: 'гᎡᏒ', s: 'ѕЅՏᏚ', t: 'тТΤτᎢ', u: 'υսՍ', v: 'νѵᏙ', w: 'ԝωᎳ', x: 'хХΧχ', y: 'уУΥγүᎩ',
  z: 'ΖᏃ',
};
const small_capitals = {
  a: 'ᴀ', b: 'ʙ', c: 'ᴄ', d: 'ᴅ', e: 'ᴇǝ', f: 'ꜰ', g: 'ɢ', h: 'ʜɥ', i: 'ɪ', j: 'ᴊ', k: 'ᴋ', l: 'ʟ',
  m: 'ᴍɯ', n: 'ɴ', o: 'ᴏ', p: 'ᴘ', r: 'ʀɹ', t: 'ᴛʇ', u: 'ᴜ', v: 'ᴠʌ', w: 'ᴡʍ', y: 'ʏʎ', z: 'ᴢ',
};
const marks = {
  "'": '‘’‚‛ʼ′', '"': '“”„‟«»″', '-': '‐‑‒–—―−', '/': '⁄∕', '|': '∣', '.': '…', ' ': '\u1680\u202f',
};

const table = new Map();
const add = (kind, map) => {
  for (const [to, from] of Object.entries(map)) {
    for (const c of from) if (c.codePointAt(0) < 0x3400) table.set(c.codePointAt(0), [kind, to]);
  }
};
for (let code = 0x80; code < 0x3400; ++code) {
  const plain = String.fromCodePoint(code).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  if (!/^[\x20-\x7e]$/.test(plain)) continue;
  const canonical = String.fromCodePoint(code).normalize('NFD').replace(/\p{M}/gu, '');
  const accent = /^[\x20-\x7e]$/.test(canonical) || code < 0x250 || plain === ' ';
  table.set(code, [accent ? 'a' : 's', plain]);
}
add('a', { i: 'ı', s: 'ß', o: 'øØ', d: 'đĐð', l: 'łŁ', h: 'ħ', a: 'æÆ', t: 'þ' });
add('a', marks);
add('s', small_capitals);
add('l', lookalikes);

const rows = [...table].filter(([code]) => code < 0x3400).sort((a, b) => a[0] - b[0]);
const ranges = [];
for (const [code, [kind, to]] of rows) {
  const last = ranges.at(-1);
  const letters = to === '\\' || to === '"' ? '\\' + to : to;
  if (last && last.kind === kind && last.code + last.count === code && last.count < 64) {
    last.text += letters;
    ++last.count;
  } else {
    ranges.push({ code, kind, count: 1, text: letters });
  }
}
const names = { a: 'accent', s: 'styled', l: 'lookalike' };
console.log(`// Written by fold_table.js: change that.

#include "inspectors/fold_table.hpp"

namespace toolgate {
namespace {

constexpr FoldRange ranges[] = {`);
for (const { code, kind, text } of ranges) {
  console.log(`    {0x${code.toString(16).toUpperCase()}, Folding::${names[kind]}, "${text}"},`);
}
console.log(`};

}  // namespace

std::span<const FoldRange> fold_ranges() { return ranges; }

}  // namespace toolgate`);
