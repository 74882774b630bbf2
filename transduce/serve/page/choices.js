// Other words in a word's place, and the other outputs of the search.
import { Lost, Refused, read } from "./api.js";
import { widest } from "./catalog.js";
import { serverBusy, serverLost } from "./connection.js";
import { $, bdi, el, fixed, percent } from "./dom.js";
import { choose, focusWord, outputOf, reading, setCurrent } from "./reading.js";
import { onLanguage, parts, t } from "./texts.js";
import { marked, wordsOf } from "./words.js";

const TOP = 8; // candidates for a word
const OUTPUTS = 4;
let opened = null; // {item, w, node, options, stop}
let note = null;

// The sentence with everything that long texts are not asked for at once.
export function detailed(item) {
  if (reading.whole) return item;
  item.asking ??= sentence(item, { nbest: widest(OUTPUTS) }).then((found) => {
    item.sentence = { ...item.sentence, outputs: found.outputs, tokens: found.tokens };
    if (reading.current === item) drawOthers();
    return item;
  }).catch(() => { item.asking = null; return item; });
  return item.asking;
}

async function sentence(item, fields, signal) {
  const answer = await read("/v1/translate", { signal,
    json: { model: reading.model, text: item.sentence.text, split: false, tokens: true, attention: true, ...fields } });
  return answer.translations[0].sentences.find((each) => each.outputs.length);
}

export const panelOpen = () => (opened?.node.isConnected ? opened.node : null);

export async function openPanel(item, w, node) {
  closePanel();
  const mine = { item, w, node, options: null, stop: new AbortController() };
  opened = mine;
  node.classList.add("open");
  $("panel").hidden = false;
  say(() => t("panel-working"));
  draw();
  try {
    const options = await optionsAt(item, w, mine.stop.signal);
    if (opened !== mine) return;
    mine.options = options;
    say(() => t(options.length > 1 ? "panel-note" : "panel-none"));
    draw();
  } catch (error) {
    if (opened !== mine || error.name === "AbortError") return;
    const again = () => { if (opened === mine) openPanel(item, w, node); };
    if (error instanceof Lost) serverLost("panel", again);
    else if (error instanceof Refused && (error.status === 429 || error.status === 503)) serverBusy("panel", again, error);
    else if (error instanceof Refused) say(() => t("error", { error: error.message }));
    else throw error;
  }
}

// [{word, probability, output, at, now}]: each candidate for the word's first token, with the word that it becomes
// and the whole output that follows from it. A word's probability is the product over its tokens from there on.
async function optionsAt(item, w, signal) {
  const output = outputOf(item);
  const ids = output.tokens.map((token) => token.id);
  const at = item.words[w].first;
  const forced = await sentence(item, { prefix: ids, beam: 1, top: TOP }, signal);
  const candidates = forced.outputs[0].tokens[at].candidates.filter((each) => each.text !== "</s>" && each.text !== "<unk>");
  const outputs = await Promise.all(candidates.map((each) =>
    each.id === ids[at] ? output : sentence(item, { prefix: [...ids.slice(0, at), each.id] }, signal).then((found) => found.outputs[0])));
  const options = new Map();
  outputs.forEach((each, k) => {
    const word = wordsOf(each.tokens).find((one) => one.first <= at && at <= one.last);
    if (!word) return;
    const probability = each.tokens.slice(at, word.last + 1).reduce((product, token) => product * token.probability, 1);
    const rest = wordsOf(each.tokens).filter((one) => one.first > word.last).map((one) => one.lead + one.text).join("");
    const option = { word: word.text, probability, output: each, at, rest: rest.trim(), now: candidates[k].id === ids[at] };
    if (!options.has(word.text) || option.now || (!options.get(word.text).now && options.get(word.text).probability < probability)) options.set(word.text, option);
  });
  return [...options.values()].sort((a, b) => b.probability - a.probability);
}

export function closePanel({ focus = false } = {}) {
  if (!opened) return;
  opened.stop.abort();
  opened.node.classList.remove("open");
  const node = opened.node;
  opened = null;
  say(null);
  $("panel").hidden = true;
  if (focus && node.isConnected) focusWord(node);
}

function say(message) {
  note = message;
  $("panel-note").textContent = message?.() ?? "";
}

function draw() {
  if (!opened) return;
  const { item, w, options } = opened;
  $("h-panel").textContent = t("panel-title", { word: item.words[w].text });
  $("options").replaceChildren(...(options ?? []).map((option) => {
    const meter = el("span", { class: "meter" });
    meter.style.setProperty("--w", option.probability.toFixed(4));
    return el("li", {}, el("button", { type: "button", "aria-pressed": String(option.now), onclick: () => take(option),
      "aria-label": t("option-label", { word: option.word, percent: percent(option.probability), rest: option.rest }) },
      bdi(option.word, { class: "word" }),
      el("span", { class: "odds" }, meter, el("span", {}, percent(option.probability))),
      bdi(option.rest ? `\u2026 ${option.rest}` : "", { class: "rest" })));
  }));
}

function take(option) {
  const { item } = opened;
  const now = option.now;
  closePanel({ focus: now });
  if (!now) choose(item, option.output, option.at);
}

// The other outputs of the sentence that is read.
export function drawOthers() {
  const item = reading.current;
  const shown = item && outputOf(item).text;
  const others = item ? item.sentence.outputs.filter((each, k, all) => each.finished && each.text !== shown && all.findIndex((one) => one.text === each.text) === k) : [];
  $("others-card").hidden = !others.length;
  $("others-of").hidden = reading.items.length < 2;
  $("others-of").replaceChildren(...(item ? parts("others-of", { text: bdi(item.sentence.text) }) : []));
  $("others").replaceChildren(...others.map((output) => el("li", {}, el("button", { type: "button", onclick: () => { setCurrent(item); choose(item, output, null); } },
    el("bdi", { class: "word", dir: "auto" }, ...marked(output.text, shown, (text) => el("span", { class: "differs" }, text))),
    el("span", { class: "note" }, t("score", { score: fixed(output.score, 2) }))))));
}

$("close").addEventListener("click", () => closePanel({ focus: true }));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && opened) closePanel({ focus: true }); });
$("options").addEventListener("keydown", (event) => {
  const all = [...$("options").querySelectorAll("button")];
  const at = all.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (at < 0 || next === undefined || !all[next]) return;
  event.preventDefault();
  all[next].focus();
});
onLanguage(() => { if (note) $("panel-note").textContent = note(); draw(); });
