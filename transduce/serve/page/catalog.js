// What the server offers: its runs, their languages, its limits. Which of them the user chose.
import { Refused, key, read } from "./api.js";
import { $, el, languageName } from "./dom.js";
import { onLanguage, t } from "./texts.js";

export const offer = { runs: [], settings: null };
export const chosen = { from: null, to: null, model: null };
let changed = () => {};

export async function load() {
  offer.settings = await read("/frontend/settings");
  if (offer.settings.keyRequired && !key.get()) throw new Refused(403, "", null); // the server need not be asked
  offer.runs = (await read("/v1/models")).models;
  settle();
  draw();
}

export function onChoice(callback) {
  changed = callback;
}

export const runNamed = (name) => offer.runs.find((run) => run.name === name) ?? null;

// A side of a run as people call it: its language, else its column and the run.
export function sideName(run, side) {
  const code = run[`${side}_language`];
  return code ? languageName(code) : `${run.columns[side] || side} (${run.name})`;
}

// "English to French", or the columns where the languages are not known.
export function pairName(run) {
  const [source, target] = ["source", "target"].map((side) => (run[`${side}_language`] ? languageName(run[`${side}_language`]) : run.columns[side] || side));
  return t("pair", { source, target });
}

const sources = () => distinct(offer.runs, "source");
const targets = () => distinct(offer.runs.filter((run) => chosen.from === "auto" || run.source === chosen.from), "target");
const candidates = () => offer.runs.filter((run) => (chosen.from === "auto" || run.source === chosen.from) && run.target === chosen.to);

function distinct(runs, side) {
  const found = new Map();
  for (const run of runs) if (!found.has(run[side])) found.set(run[side], sideName(run, side));
  return found;
}

// A choice that can be had: what was chosen, as far as it is there.
function settle() {
  const from = sources();
  if (!(chosen.from === "auto" && from.size > 1) && !from.has(chosen.from)) chosen.from = from.size > 1 ? "auto" : [...from.keys()][0] ?? null;
  const to = targets();
  if (!to.has(chosen.to)) chosen.to = [...to.keys()][0] ?? null;
  const some = candidates();
  if (chosen.from === "auto" || !some.some((run) => run.name === chosen.model)) chosen.model = chosen.from === "auto" ? null : some[0]?.name ?? null;
}

// The fields of a request that say which run is meant.
export function asked() {
  return chosen.model ? { model: chosen.model } : { source: "auto", target: chosen.to };
}

// The outputs that the search finds anyway: asking for more would widen it and change the best.
export function widest(most) {
  const some = chosen.model ? [runNamed(chosen.model)] : candidates();
  return Math.max(1, Math.min(most, ...some.map((run) => run.decoding.beam)));
}

export function reverse(found) {
  const source = chosen.from === "auto" ? found : chosen.from;
  return source && source !== chosen.to && offer.runs.some((run) => run.source === chosen.to && run.target === source) ? { from: chosen.to, to: source } : null;
}

export function choose(values) {
  Object.assign(chosen, values);
  settle();
  draw();
  changed();
}

export function draw() {
  const from = sources();
  const options = [...from].map(([value, name]) => el("option", { value }, name));
  if (from.size > 1) options.unshift(el("option", { value: "auto" }, t("find")));
  $("from").replaceChildren(...options);
  $("from").value = chosen.from ?? "";
  $("to").replaceChildren(...[...targets()].map(([value, name]) => el("option", { value }, name)));
  $("to").value = chosen.to ?? "";
  const some = chosen.from === "auto" ? [] : candidates();
  $("model-label").hidden = some.length < 2;
  $("model").replaceChildren(...some.map((run) => el("option", { value: run.name }, run.name)));
  if (chosen.model) $("model").value = chosen.model;
}

$("from").addEventListener("change", (event) => choose({ from: event.target.value }));
$("to").addEventListener("change", (event) => choose({ to: event.target.value }));
$("model").addEventListener("change", (event) => choose({ model: event.target.value }));
onLanguage(draw);
