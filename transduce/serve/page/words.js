// Tokens of an output as words that can be pointed at, and tokens of a source as places in its text.
const CJK = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0eff]/;
const BYTE = /^<0x([0-9A-F]{2})>$/;
const SIGNS = /^[\p{P}\p{S}]+$/u;
const JOINING = /^['\u2019\u2010\u2011-]+$/; // l'eau and grand-mere are one word each

// [{lead, text, first, last, probability}]: the blank before a word, the word, its tokens.
export function wordsOf(tokens) {
  const words = [];
  for (const piece of spelled(tokens)) {
    const body = piece.text.trimStart();
    const lead = piece.text.slice(0, piece.text.length - body.length);
    const before = words[words.length - 1];
    const apart = lead || CJK.test(body) || (before && CJK.test(before.text.slice(-1)))
      || (SIGNS.test(body) && !JOINING.test(body)) || (before && SIGNS.test(before.text) && !JOINING.test(before.text));
    const probability = tokens.slice(piece.first, piece.last + 1).reduce((product, token) => product * (token.probability ?? 1), 1);
    if (before && !apart) {
      before.text += body;
      before.last = piece.last;
      before.probability *= probability;
    } else {
      words.push({ lead: words.length ? lead : "", text: body, first: piece.first, last: piece.last, probability });
    }
  }
  return words.filter((word) => word.text);
}

// Tokens with each run of byte tokens as the one text that the bytes spell.
function spelled(tokens) {
  const found = [];
  for (let k = 0; k < tokens.length; k++) {
    let end = k;
    while (end < tokens.length && BYTE.test(tokens[end].text)) end++;
    if (end === k) {
      found.push({ text: tokens[k].text, first: k, last: k });
      continue;
    }
    const bytes = tokens.slice(k, end).map((token) => parseInt(token.text.match(BYTE)[1], 16));
    found.push({ text: new TextDecoder().decode(new Uint8Array(bytes)), first: k, last: end - 1 });
    k = end - 1;
  }
  return found;
}

// Words of a source with their places in its text: [{text, start, end, first, last}]. What the tokenizer changed
// (case, accents) may not be found; it then has no place, and cannot be lit.
export function placesOf(tokens, text) {
  const plain = text.toLowerCase().length === text.length ? text.toLowerCase() : text;
  const places = [];
  let at = 0;
  for (const word of wordsOf(tokens)) {
    const wanted = plain === text ? word.text : word.text.toLowerCase();
    const start = plain.indexOf(wanted, at);
    if (start < 0) continue;
    at = start + wanted.length;
    places.push({ text: text.slice(start, at), start, end: at, first: word.first, last: word.last });
  }
  return places;
}

// How much a word of the output looks at each place: its tokens on average, those of the place together.
export function looks(attention, word, places) {
  return places.map((place) => {
    let sum = 0;
    for (let step = word.first; step <= word.last; step++) {
      for (let k = place.first; k <= place.last; k++) sum += attention[step]?.[k] ?? 0;
    }
    return sum / (word.last - word.first + 1);
  });
}

// For each piece of two texts, whether it stands in the longest sequence of pieces that they share: [mine, theirs].
function shared(mine, theirs) {
  const rows = mine.length + 1, cols = theirs.length + 1;
  if (rows * cols > 1_000_000) return [mine.map(() => true), theirs.map(() => true)]; // too long to compare word by word
  const table = new Uint16Array(rows * cols);
  for (let i = mine.length - 1; i >= 0; i--) {
    for (let j = theirs.length - 1; j >= 0; j--) {
      table[i * cols + j] = mine[i] === theirs[j] ? table[(i + 1) * cols + j + 1] + 1
        : Math.max(table[(i + 1) * cols + j], table[i * cols + j + 1]);
    }
  }
  const same = [mine.map(() => false), theirs.map(() => false)];
  for (let i = 0, j = 0; i < mine.length && j < theirs.length;) {
    if (mine[i] === theirs[j]) same[0][i++] = same[1][j++] = true;
    else if (table[(i + 1) * cols + j] >= table[i * cols + j + 1]) i++;
    else j++;
  }
  return same;
}

// Text in the pieces that ``shared`` compares: words, single signs, single characters of scripts without spaces.
function pieces(text) {
  return text.match(/\s+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]/gu) ?? [];
}

// Where words of ``other`` are missing in ``mine``: the blanks of ``mine`` at these places.
function gaps(mine, same, theirs, held) {
  const found = new Set();
  for (let i = 0, j = 0; i <= mine.length; i++, j++) {
    let extra = false, own = false;
    for (; i < mine.length && !same[i]; i++) own ||= mine[i].trim() !== "";
    for (; j < theirs.length && !held[j]; j++) extra ||= theirs[j].trim() !== "";
    if (!extra || own) continue;
    // Beside a word that differs itself, its own mark is enough.
    const at = [i - 1, i].find((k) => mine[k] !== undefined && !mine[k].trim());
    if (at !== undefined && same[at - 1] !== false && same[at + 1] !== false) found.add(at);
  }
  return found;
}

// ``text`` with what is not in ``other`` marked, and the blanks where something of ``other`` is missing.
export function marked(text, other, mark) {
  const mine = pieces(text), theirs = pieces(other), [same, held] = shared(mine, theirs);
  const missing = gaps(mine, same, theirs, held);
  const nodes = [];
  let run = "";
  let differs = null;
  const close = () => { if (run) nodes.push(differs ? mark(run) : run); run = ""; };
  mine.forEach((piece, k) => {
    const now = missing.has(k) || (!same[k] && piece.trim() !== "");
    if (differs !== null && now !== differs) close();
    differs = now;
    run += piece;
  });
  close();
  return nodes;
}
