// What the file holds, unpacked; numbers and tokens as they are shown.
const DATA = JSON.parse(document.getElementById("data").textContent);

// A matrix as page/__init__.py packed it: base64 of float32, or of int16 with one scale.
class Matrix {
  constructor({ rows, cols, kind, scale, data }) {
    const raw = atob(data);
    const bytes = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    this.rows = rows;
    this.cols = cols;
    this.scale = scale;
    this.values = kind === "f4" ? new Float32Array(bytes.buffer) : new Int16Array(bytes.buffer);
    this.coarse = kind !== "f4";
  }
  at(row, col) {
    return this.values[row * this.cols + col] * this.scale;
  }
  row(row) {
    return Array.from(this.values.subarray(row * this.cols, (row + 1) * this.cols), (value) => value * this.scale);
  }
  get most() {
    if (this._most === undefined) {
      let most = 0;
      for (const value of this.values) if (Math.abs(value) > most) most = Math.abs(value);
      this._most = most * this.scale || 1;
    }
    return this._most;
  }
}

// Matrices are unpacked when first asked for: a long sentence through many layers has many.
const unpacked = new WeakMap();
function matrix(packed) {
  if (!unpacked.has(packed)) unpacked.set(packed, new Matrix(packed));
  return unpacked.get(packed);
}

function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2014";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e7 || size < 1e-4 ? value.toExponential(digits - 1)
    : size >= 10 ** digits ? value.toFixed(0) : value.toPrecision(digits);
  return text.replace("-", "\u2212").replace("e+", "e");
}

function fixed(value, digits) {
  return value === null || value === undefined ? "\u2014" : value.toFixed(digits).replace("-", "\u2212");
}

function share(value) {
  const percent = value * 100;
  const text = percent >= 99.95 && value < 1 ? "> 99.9" : percent >= 0.05 || value === 0 ? percent.toFixed(1)
    : percent >= 1e-4 ? String(Number(percent.toPrecision(1))) : "< 0.0001";
  return text + "\u00a0%";
}

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const ENDS = { end: "</s>", start: "<s>", padding: "<pad>" };

// A token to be read: characters without a shape of their own by number.
function readable(token) {
  if (token.kind in ENDS) return ENDS[token.kind];
  const text = token.text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (sign) => "\u27e8U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
  return text;
}

// ``exact``: where pieces are compared, the blank that begins most of them shows too.
function tokenNode(token, { exact = false } = {}) {
  const text = readable(token);
  const bare = text.replace(/^ +/, "");
  const node = el("bdi", { class: "token" });
  if (exact && bare !== text) node.append(el("span", { class: "space", "aria-hidden": "true" }, "\u2423".repeat(text.length - bare.length)));
  node.append(bare || (exact ? "" : text.replace(/ /g, "\u2423") || t("empty")));
  return node;
}

// The same as one string, for canvas and labels. U+2068 and U+2069 keep its direction to itself.
function tokenText(token) {
  const text = readable(token);
  return "\u2068" + (text.replace(/^ +/, "") || text.replace(/ /g, "\u2423") || t("empty")) + "\u2069";
}

// Tokens that make up one word: [{text, first, last, kind}]. Bytes that spell characters are read as these.
const CJK = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]/;
const BYTE = /^<0x([0-9A-F]{2})>$/;

function wordsOf(tokens) {
  const words = [];
  let joined = false;
  spelled(tokens).forEach(({ text, first, last, special }) => {
    const before = words[words.length - 1];
    const alone = special || /^\s/.test(text) || CJK.test(text);
    // A blank that stands as a token of its own begins the word behind it.
    const begun = before && joined && !special && !before.text.trim();
    if (begun || (before && joined && !alone && !/\s$/.test(before.text) && !CJK.test(before.text.slice(-1)))) {
      before.text += text;
      before.last = last;
    } else {
      words.push({ text, first, last, kind: special ? "mark" : "word" });
    }
    joined = !special;
  });
  return words;
}

// Tokens with a run of byte tokens as one, if the run is whole UTF-8; a run that is not stays as it is.
function spelled(tokens) {
  const found = [];
  for (let k = 0; k < tokens.length; k++) {
    let end = k;
    while (end < tokens.length && tokens[end].kind === "byte" && BYTE.test(tokens[end].text)) end++;
    const text = end > k ? textOf(tokens.slice(k, end)) : null;
    if (text !== null && !text.includes("\ufffd")) {
      found.push({ text, first: k, last: end - 1, special: false });
      k = end - 1;
    } else {
      const special = tokens[k].kind in ENDS;
      found.push({ text: special ? ENDS[tokens[k].kind] : tokens[k].text, first: k, last: k, special });
    }
  }
  return found;
}

// The text that tokens spell together, without start and end.
function textOf(tokens) {
  let text = "";
  let bytes = [];
  const flush = () => {
    text += new TextDecoder().decode(new Uint8Array(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = token.kind === "byte" ? token.text.match(BYTE) : null;
    if (byte) bytes.push(parseInt(byte[1], 16));
    else {
      if (bytes.length) flush();
      if (!(token.kind in ENDS)) text += token.text;
    }
  }
  if (bytes.length) flush();
  return text;
}

function titleOf(quantity) {
  const key = "title-" + quantity.title;
  return has(key) ? t(key) : quantity.title;
}
