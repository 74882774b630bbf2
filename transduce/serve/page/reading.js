// The translation as words: what each looks at, how sure it is, and what could stand in its place.
import { key } from "./api.js";
import { offer } from "./catalog.js";
import { $, bdi, count, el, percent } from "./dom.js";
import { closePanel, detailed, drawOthers, openPanel, panelOpen } from "./choices.js";
import { onLanguage, parts, t } from "./texts.js";
import { looks, placesOf, wordsOf } from "./words.js";

const UNSURE = 0.5, DOUBTFUL = 0.2;
const MOST = 12_000; // characters up to which each word is a node of its own

// result: the server's answer; text: what it answers; items: its sentences in order; current: the one that is read.
export const reading = { result: null, text: "", items: [], current: null, model: null, tail: "" };
const choices = new Map(); // model, sentence, and which of those that read the same -> [{output, at}], the last is shown; kept while the text around changes
let lit = null;

const keyOf = (item) => JSON.stringify([reading.model, item.sentence.text, item.nth]);
export const chosenOf = (item) => choices.get(keyOf(item))?.at(-1) ?? null;
export const outputOf = (item) => chosenOf(item)?.output ?? item.sentence.outputs[0];

export function show(result, text, whole) {
  const before = reading.items.indexOf(reading.current);
  Object.assign(reading, { result, text, model: result.model, whole, current: null });
  arrange(result.translations[0]);
  reading.current = reading.items[Math.max(0, Math.min(before, reading.items.length - 1))] ?? null;
  closePanel();
  draw();
  announce();
}

export function clearReading({ quiet = false } = {}) {
  Object.assign(reading, { result: null, text: "", items: [], current: null, tail: "" });
  closePanel();
  draw();
  $("empty").hidden = quiet;
  $("spoken").textContent = "";
}

// The sentences in the joined text: the server put between them what belongs there.
function arrange(translation) {
  const astral = /[\ud800-\udbff]/.test(reading.text) ? [...reading.text] : null;
  const seen = new Map();
  reading.items = [];
  let at = 0;
  for (const sentence of translation.sentences ?? []) {
    const output = sentence.outputs[0];
    if (!sentence.translated || !output?.finished || !output.text.trim()) continue; // stands there as it came
    const place = translation.text.indexOf(output.text, at);
    if (place < 0) continue;
    const start = astral ? astral.slice(0, sentence.start).join("").length : sentence.start; // in UTF-16 units
    const nth = seen.get(sentence.text) ?? 0;
    seen.set(sentence.text, nth + 1);
    reading.items.push({ sentence, start, nth, lead: translation.text.slice(at, place) });
    at = place + output.text.length;
  }
  reading.tail = translation.text.slice(at);
}

export function copyText() {
  return reading.items.map((item) => item.lead + outputOf(item).text).join("") + reading.tail;
}

// Drawing ------------------------------------------------------------------------------------------------

export function draw({ focus = null } = {}) {
  const box = $("output");
  const result = reading.result;
  box.classList.remove("stale");
  const target = result?.target ?? "";
  if (/^[a-z]{2,3}$/.test(target)) box.lang = target;
  else box.removeAttribute("lang");
  const plain = copyText().length > MOST;
  if (plain) box.replaceChildren(copyText());
  else box.replaceChildren(...reading.items.flatMap((item, index) => [item.lead, sentenceNode(item, index)]), reading.tail);
  $("empty").hidden = result !== null;
  $("empty").textContent = t("empty-hint");
  const words = box.querySelectorAll("[data-w]");
  if (words.length) (focus ?? words[0]).tabIndex = 0;
  $("copy").disabled = !result;
  $("legend").hidden = !words.length;
  $("undo").hidden = !reading.items.some(chosenOf);
  lit = null;
  rest(plain ? t("plain", { most: count(MOST) }) : null);
  drawCurrent();
}

function sentenceNode(item, index) {
  const output = outputOf(item);
  const choice = chosenOf(item);
  item.words = wordsOf(output.tokens ?? []);
  item.nodes = item.words.map((word, w) => {
    const level = word.probability < DOUBTFUL ? "doubtful" : word.probability < UNSURE ? "unsure" : "word";
    const kept = choice && choice.at !== null && word.first <= choice.at && choice.at <= word.last;
    const label = t(level === "word" ? "word-label" : `word-${level}`, { word: word.text, percent: percent(word.probability) });
    return el("span", { role: "button", tabindex: "-1", "data-s": index, "data-w": w, "aria-label": label,
      class: kept ? "kept" : level === "word" ? null : level }, word.text);
  });
  // Words that do not spell the text (a tokenizer that drops something) are not shown in its place.
  const spelt = item.words.map((word) => word.lead + word.text).join("");
  if (spelt !== output.text.trimEnd()) return el("span", { "data-s": index }, output.text);
  return el("span", { class: "sentence" }, ...item.words.flatMap((word, w) => [word.lead, item.nodes[w]]), output.text.slice(spelt.length));
}

function drawCurrent() {
  const many = reading.items.length > 1;
  reading.items.forEach((item) => item.nodes?.[0]?.parentElement?.classList.toggle("current", many && item === reading.current));
  $("look").disabled = !reading.current || !offer.settings?.inside;
  $("look").title = t("look-note");
  $("look").parentElement.hidden = offer.settings !== null && !offer.settings.inside;
  drawOthers();
}

export function setCurrent(item) {
  if (reading.current === item) return;
  reading.current = item;
  drawCurrent();
}

let speaking = null;
function announce() {
  clearTimeout(speaking);
  speaking = setTimeout(() => { $("spoken").textContent = reading.result ? copyText() : ""; }, 1200); // when typing rests
}

export function announceNow(text) {
  clearTimeout(speaking);
  $("spoken").textContent = text;
}

// A choice of the user in a sentence. ``at``: the token from which it was written anew; null for a whole output.
export function choose(item, output, at) {
  choices.set(keyOf(item), [...(choices.get(keyOf(item)) ?? []), { output, at }]);
  draw();
  const node = item.nodes?.[Math.max(0, item.words.findIndex((word) => at !== null && word.first <= at && at <= word.last))];
  if (node?.isConnected) focusWord(node);
  announceNow(t("chosen", { word: at === null || !node ? output.text : node.textContent }) + " " + output.text);
}

function undo() {
  const item = reading.current && chosenOf(reading.current) ? reading.current : reading.items.find(chosenOf);
  if (!item) return;
  const left = choices.get(keyOf(item)).slice(0, -1);
  if (left.length) choices.set(keyOf(item), left);
  else choices.delete(keyOf(item));
  closePanel();
  setCurrent(item);
  draw();
  announceNow(`${t("undone")} ${outputOf(item).text}`);
  if ($("undo").hidden) $("output").querySelector('[tabindex="0"]')?.focus();
}

// Light --------------------------------------------------------------------------------------------------

export function setBackdrop(marks = []) {
  const value = $("text").value;
  const nodes = [];
  let at = 0;
  for (const { start, end, weight, strongest } of marks) {
    const mark = el("mark", { class: strongest ? "strongest" : null }, value.slice(start, end));
    mark.style.setProperty("--w", weight.toFixed(3));
    nodes.push(value.slice(at, start), mark);
    at = end;
  }
  $("backdrop").replaceChildren(...nodes, value.slice(at) + "\n");
}

async function light(node) {
  const item = reading.items[node.dataset.s];
  const word = item?.words?.[node.dataset.w];
  if (!word) return;
  lit = node;
  for (const other of $("output").querySelectorAll(".lit")) other.classList.remove("lit");
  node.classList.add("lit");
  await detailed(item);
  if (lit !== node || !node.isConnected) return;
  const output = outputOf(item);
  if (!output.attention || !item.sentence.tokens) return;
  item.places ??= placesOf(item.sentence.tokens, item.sentence.text);
  const weights = looks(output.attention, word, item.places);
  const most = Math.max(...weights, 0);
  const marks = item.places.map((place, k) => ({ start: item.start + place.start, end: item.start + place.end, weight: weights[k], strongest: weights[k] === most }))
    .filter((mark) => mark.weight >= 0.02);
  setBackdrop($("text").value === reading.text ? marks : []);
  const order = weights.map((_, k) => k).sort((a, b) => weights[b] - weights[a]);
  const list = el("span");
  order.slice(0, 4).filter((k, rank) => rank === 0 || weights[k] >= 0.05)
    .forEach((k, rank) => list.append(rank ? ", " : "", bdi(item.places[k].text), ` ${percent(weights[k])}`));
  if (order.length) $("lit").replaceChildren(...parts("lit-word", { word: bdi(word.text), list }));
}

function rest(message = null) {
  lit = null;
  for (const node of $("output").querySelectorAll(".lit")) node.classList.remove("lit");
  setBackdrop();
  const output = reading.current && outputOf(reading.current);
  const hint = output?.tokens && reading.whole && !output.attention ? "lit-hint-plain" : "lit-hint";
  const told = message ?? (reading.items.length ? t(hint) : "");
  if ($("lit").textContent !== told) $("lit").textContent = told; // what is said again is read aloud again
}

// Hands --------------------------------------------------------------------------------------------------

const wordAt = (event) => event.target.closest?.("[data-w]") ?? null;

export function focusWord(node) {
  $("output").querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
  node.tabIndex = 0;
  node.focus();
}

function openAt(node) {
  const item = reading.items[node.dataset.s];
  setCurrent(item);
  light(node);
  openPanel(item, Number(node.dataset.w), node);
}

function pressed(event) {
  const node = wordAt(event);
  if (!node) return;
  const all = [...$("output").querySelectorAll("[data-w]")];
  const at = all.indexOf(node);
  const right = getComputedStyle($("output")).direction === "rtl" ? -1 : 1;
  const steps = { ArrowRight: right, ArrowLeft: -right, ArrowDown: 1, ArrowUp: -1, Home: -at, End: all.length - 1 - at };
  if (event.key in steps) focusWord(all[Math.max(0, Math.min(all.length - 1, at + steps[event.key]))]);
  else if (event.key === "Enter" || event.key === " ") openAt(node);
  else return;
  event.preventDefault();
}

const box = $("output");
box.addEventListener("pointerover", (event) => { const node = wordAt(event); if (node && event.pointerType !== "touch") light(node); });
box.addEventListener("pointerleave", () => { if (panelOpen()) light(panelOpen()); else if (!box.contains(document.activeElement)) rest(); });
box.addEventListener("focusin", (event) => { const node = wordAt(event); if (node) { setCurrent(reading.items[node.dataset.s]); light(node); } });
box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget) && !panelOpen()) rest(); });
box.addEventListener("click", (event) => { const node = wordAt(event); if (node && getSelection().isCollapsed) { focusWord(node); openAt(node); } });
box.addEventListener("keydown", pressed);
$("undo").addEventListener("click", undo);
$("inside").addEventListener("submit", () => {
  const item = reading.current, fields = $("inside").elements;
  fields.text.value = item.sentence.text;
  fields.model.value = reading.model;
  fields.force.value = chosenOf(item) ? outputOf(item).text : "";
  fields.api_key.value = key.get();
});
onLanguage(() => draw());
