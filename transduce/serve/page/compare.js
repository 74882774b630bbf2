// Two runs on the same sentences, side by side.
import { Lost, Refused, read } from "./api.js";
import { offer, pairName, runNamed } from "./catalog.js";
import { held, serverBusy, serverLost, settled } from "./connection.js";
import { $, bdi, count, duration, el, fixed, millions } from "./dom.js";
import { scoreOf } from "./run.js";
import { onLanguage, t } from "./texts.js";
import { marked } from "./words.js";

const MOST = 100; // lines
let timer = null;
let running = null;
let result = null; // {lines, left, right, outputs: [[...], [...]], seconds}
let message = null;
const references = new Map(); // source -> reference, as far as the runs' samples tell

export async function openCompare(left, right) {
  const names = offer.runs.map((run) => run.name);
  $("compare-none").hidden = names.length >= 2;
  $("compare-none").textContent = t("compare-one");
  $("compare-form").hidden = names.length < 2;
  if (names.length < 2) return;
  const first = names.includes(left) ? left : names[0];
  // By default a run that reads the same language.
  const like = offer.runs.find((run) => run.name !== first && run.source === runNamed(first).source && run.target === runNamed(first).target);
  const second = names.includes(right) ? right : like?.name ?? names.find((name) => name !== first);
  for (const [id, name] of [["left", first], ["right", second]]) {
    $(id).replaceChildren(...offer.runs.map((run) => el("option", { value: run.name }, run.name)));
    $(id).value = name;
  }
  drawFigures();
  if (!$("sentences").value.trim()) await begin(first);
  ask();
}

export function leaveCompare() {
  clearTimeout(timer);
  running?.abort();
  running = null;
  settled("compare");
}

// Something to compare at once: what stands in the translator, else the samples of the first run.
async function begin(name) {
  const typed = $("text").value.trim();
  let lines = typed ? typed.split("\n") : [];
  try {
    const { lines: metrics } = await read(`/v1/models/${encodeURIComponent(name)}/metrics`);
    const samples = metrics.findLast((line) => line.kind === "samples")?.samples ?? [];
    for (const sample of samples) references.set(sample.source, sample.reference);
    if (!lines.length) lines = samples.map((sample) => sample.source);
  } catch { /* then the user writes some */ }
  if (!$("sentences").value.trim()) $("sentences").value = lines.filter((line) => line.trim()).join("\n");
}

async function ask() {
  clearTimeout(timer);
  running?.abort();
  if (held("compare", ask)) return;
  const all = $("sentences").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const lines = all.slice(0, MOST);
  if (!lines.length) {
    running = null;
    result = null;
    draw();
    say(null);
    return;
  }
  const mine = new AbortController();
  running = mine;
  say(() => t("compare-working"));
  const [left, right] = [$("left").value, $("right").value];
  try {
    const answers = await Promise.all([left, right].map((model) => read("/v1/translate", { json: { model, text: lines }, signal: mine.signal })));
    if (running !== mine) return;
    running = null;
    const outputs = answers.map((answer) => answer.translations.map((each) => each.text));
    result = { lines, left, right, outputs };
    draw();
    const same = lines.filter((_, k) => outputs[0][k] === outputs[1][k]).length;
    say(() => [all.length > MOST ? t("compare-many", { most: count(MOST), count: count(all.length) }) : "",
      t("compare-done", { count: count(lines.length), left, right, a: fixed(answers[0].seconds, 2), b: fixed(answers[1].seconds, 2), same: count(same) }), t("compare-hint")].join(" ").trim());
  } catch (error) {
    if (running !== mine || error.name === "AbortError") return;
    running = null;
    if (error instanceof Lost) serverLost("compare", ask);
    else if (error instanceof Refused && (error.status === 429 || error.status === 503)) serverBusy("compare", ask, error);
    else if (error instanceof Refused) { say(() => t("error", { error: error.message })); return; }
    else throw error;
    say(null);
  }
}

function draw() {
  if (!result) {
    $("compare-result").replaceChildren();
    return;
  }
  const { lines, left, right, outputs } = result;
  const differs = (text) => el("span", { class: "differs" }, text);
  const cell = (name, nodes, kind) => el("div", {}, el("p", { class: "who" }, bdi(name)), el("p", { class: kind, dir: "auto" }, ...nodes));
  $("compare-result").replaceChildren(el("ul", { class: "versus" }, ...lines.map((line, k) => el("li", {},
    el("div", {}, ...cell(t("given"), [line], "text given").childNodes,
      ...(references.has(line) ? cell(t("reference"), [references.get(line)], "text given").childNodes : [])),
    cell(left, marked(outputs[0][k], outputs[1][k], differs), "text"),
    cell(right, marked(outputs[1][k], outputs[0][k], differs), "text")))));
}

function drawFigures() {
  const runs = [$("left").value, $("right").value].map(runNamed);
  if (runs.includes(null)) return;
  const rows = [
    ["m-bleu", (run) => fixed(scoreOf(run, "bleu"), 2)], ["m-chrf", (run) => fixed(scoreOf(run, "chrf"), 2)],
    ["m-exact_match", (run) => fixed(scoreOf(run, "exact_match"), 2)], ["m-perplexity", (run) => fixed(scoreOf(run, "perplexity"), 2)],
    ["languages", pairName], ["model", (run) => run.description.split(",").slice(0, 2).join(",")],
    ["parameters", (run) => millions(run.parameters)], ["vocabulary", (run) => count(run.target_vocab)],
    ["pairs", (run) => count(run.data.pairs)], ["trained-in", (run) => duration(run.seconds)],
  ];
  $("compare-figures").replaceChildren(el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("measure")), ...runs.map((run) => el("th", { scope: "col" }, el("a", { href: `#/run/${encodeURIComponent(run.name)}` }, bdi(run.name)))))),
    el("tbody", {}, ...rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, t(name)), ...runs.map((run) => el("td", {}, value(run))))))));
}

function say(what) {
  message = what;
  $("compare-state").textContent = what?.() ?? "";
}

function selected() {
  history.replaceState(null, "", `#/compare/${encodeURIComponent($("left").value)}/${encodeURIComponent($("right").value)}`);
  drawFigures();
  ask();
}

$("left").addEventListener("change", selected);
$("right").addEventListener("change", selected);
$("sentences").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 400); });
onLanguage(() => {
  draw();
  if (message) $("compare-state").textContent = message();
  if (offer.runs.length >= 2 && $("left").value) drawFigures();
  $("compare-none").textContent = t("compare-one");
});
