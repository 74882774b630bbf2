// An equation as the model tells it ("c_t = f_t * c_{t-1} + i_t * g_t"), set as mathematics, and with the
// numbers put in where all of them are known.
const FUNCTIONS = {
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  tanh: Math.tanh,
  relu: (a) => Math.max(0, a),
  exp: Math.exp,
  sqrt: Math.sqrt,
};
const INVERSES = {
  sigmoid: (value) => Math.log(value / (1 - value)),
  tanh: Math.atanh,
  relu: (value) => value,
};
const NAME = /^[A-Za-z]+(?:_(?:\{[^}]*\}|[A-Za-z0-9]+))?/;

// "c_{t-1}" as c with an index below it; functions and words upright.
function mathNode(text) {
  const node = el("span", { class: "math" });
  let rest = text;
  while (rest) {
    const found = rest.match(NAME)?.[0];
    if (!found) {
      node.append(rest[0] === "*" ? "\u2299" : rest[0] === "-" ? "\u2212" : rest[0]);
      rest = rest.slice(1);
      continue;
    }
    const cut = found.indexOf("_");
    const base = cut < 0 ? found : found.slice(0, cut);
    const greek = { alpha: "\u03b1", sigma: "\u03c3", sum: "\u03a3", integral: "\u222b" }[base];
    const plain = base in FUNCTIONS || base.length > 2 || base === "of";
    node.append(greek ?? (plain ? base : el("var", {}, base)));
    if (cut >= 0) node.append(el("sub", {}, found.slice(cut + 1).replace(/[{}]/g, "").replace("-", "\u2212")));
    rest = rest.slice(found.length);
  }
  return node;
}

// Recursive descent over + - * / ( ), names and functions. Null when the text holds anything else.
function parse(text) {
  const words = text.match(/[A-Za-z]+(?:_(?:\{[^}]*\}|[A-Za-z0-9]+))?|\d+(?:\.\d+)?|\S/g) ?? [];
  let at = 0;
  const take = (word) => (words[at] === word ? (at++, true) : false);
  function sum() {
    let left = product();
    while (left && (words[at] === "+" || words[at] === "-")) {
      const sign = words[at++];
      const right = product();
      left = right && { sign, left, right };
    }
    return left;
  }
  function product() {
    let left = factor();
    while (left && (words[at] === "*" || words[at] === "/")) {
      const sign = words[at++];
      const right = factor();
      left = right && { sign, left, right };
    }
    return left;
  }
  function factor() {
    const word = words[at++];
    if (word === undefined) return null;
    if (word === "(") {
      const inner = sum();
      return inner && take(")") ? { brackets: inner } : null;
    }
    if (/^\d/.test(word)) return { value: Number(word) };
    if (!/^[A-Za-z]/.test(word)) return null;
    if (word in FUNCTIONS) {
      if (!take("(")) return null;
      const inner = sum();
      return inner && take(")") ? { call: word, inner } : null;
    }
    return { name: word };
  }
  const tree = sum();
  return tree && at === words.length ? tree : null;
}

function namesIn(tree, into = []) {
  if (tree.name && !into.includes(tree.name)) into.push(tree.name);
  for (const branch of [tree.left, tree.right, tree.inner, tree.brackets]) if (branch) namesIn(branch, into);
  return into;
}

function evaluate(tree, values) {
  if ("value" in tree) return tree.value;
  if (tree.name) return values[tree.name];
  if (tree.brackets) return evaluate(tree.brackets, values);
  if (tree.call) return FUNCTIONS[tree.call](evaluate(tree.inner, values));
  const [left, right] = [evaluate(tree.left, values), evaluate(tree.right, values)];
  return { "+": left + right, "-": left - right, "*": left * right, "/": left / right }[tree.sign];
}

// The tree with numbers in place of names, as text: "0.9312 * 0.1200 + 0.5012 * (-0.2031)".
function substituted(tree, values) {
  if ("value" in tree) return String(tree.value);
  if (tree.name) return values[tree.name] < 0 ? `(${number(values[tree.name])})` : number(values[tree.name]);
  if (tree.brackets) return `(${substituted(tree.brackets, values)})`;
  if (tree.call) return `${tree.call}(${substituted(tree.inner, values).replace(/^\((\u2212?[^()]*)\)$/, "$1")})`;
  return `${substituted(tree.left, values)} ${tree.sign === "*" ? "\u00d7" : tree.sign.replace("-", "\u2212")} ${substituted(tree.right, values)}`;
}

// What an equation says of one number. ``find(name)`` gives {value, ...} for a name that is known, or null.
// Returns {kind: "whole", tree, values, found} when all is known, {kind: "outer", call, inside, argument}
// when one function stands around what is not, or {kind: "told"}.
function workOut(equation, value, find) {
  const right = equation.slice(equation.indexOf("=") + 1).trim();
  const tree = parse(right);
  if (tree) {
    const found = {};
    const values = {};
    let whole = true;
    for (const name of namesIn(tree)) {
      const one = find(name);
      if (!one) { whole = false; break; }
      found[name] = one;
      values[name] = one.value;
    }
    if (whole) return { kind: "whole", tree, values, found, result: evaluate(tree, values), text: substituted(tree, values) };
  }
  const outer = right.match(/^(sigmoid|tanh|relu)\((.*)\)$/);
  if (outer && value !== null) {
    const argument = INVERSES[outer[1]](value);
    if (Number.isFinite(argument) && !(outer[1] === "relu" && value === 0)) {
      return { kind: "outer", call: outer[1], inside: outer[2], argument };
    }
  }
  return { kind: "told" };
}
