// The runs, and a page for each: curves and samples while it learns, what it learned from, its report.
import { Lost, read } from "./api.js";
import { offer, pairName, runNamed } from "./catalog.js";
import { serverLost, settled } from "./connection.js";
import { drawCurves, secondsAt } from "./curves.js";
import { $, bdi, count, duration, el, fixed, millions } from "./dom.js";
import { onLanguage, t } from "./texts.js";
import { reportNodes } from "./report.js";

const EVERY = 3000; // milliseconds between two looks at a run that trains
let shown = null; // {run, metrics, next, report, follow, at}
let timer = null;

export const linkTo = (run) => `#/run/${encodeURIComponent(run.name)}`;

export function scoreOf(run, name) {
  return (run.scores.test ?? run.scores.valid ?? {})[name]?.value ?? null;
}

export function drawRuns() {
  $("run-list").replaceChildren(el("ul", { class: "runs" }, ...offer.runs.map((run) => el("li", { class: "card" },
    el("h2", {}, el("a", { href: linkTo(run) }, bdi(run.name))),
    el("p", { class: "note" }, `${pairName(run)}; ${run.description}`),
    figures(el("dl", { class: "figures" }), run)))));
}

function figures(box, run) {
  const listed = [["m-bleu", scoreOf(run, "bleu"), 1], ["m-chrf", scoreOf(run, "chrf"), 1], ["m-exact_match", scoreOf(run, "exact_match"), 1]]
    .filter(([, value]) => value !== null).map(([name, value, digits]) => [t(name), fixed(value, digits)]);
  listed.push([t("parameters"), millions(run.parameters)]);
  if (run.data.pairs) listed.push([t("pairs"), count(run.data.pairs)]);
  if (run.seconds) listed.push([t("trained-in"), duration(run.seconds)]);
  box.replaceChildren(...listed.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  return box;
}

export function openRun(name) {
  leaveRun();
  const run = runNamed(name);
  if (!run) {
    location.replace("#/runs");
    return;
  }
  shown = { run, metrics: [], next: 0, report: "", follow: true, at: 0 };
  for (const id of ["curves", "samples", "report"]) $(id).replaceChildren();
  drawRun();
  look(shown);
}

export function leaveRun() {
  clearTimeout(timer);
  settled("run");
  shown = null;
}

// Look for new measurements until the report is there.
async function look(mine) {
  const base = `/v1/models/${encodeURIComponent(mine.run.name)}`;
  try {
    const hidden = document.hidden && mine.next > 0;
    if (!hidden) {
      const found = await read(`${base}/metrics?after=${mine.next}`);
      const report = await read(`${base}/report`, { text: true, accept: "text/markdown" });
      if (shown !== mine) return;
      const fresh = found.lines.length || report !== mine.report || !mine.next;
      mine.metrics.push(...found.lines);
      mine.next = found.next;
      mine.report = report;
      if (fresh) drawMeasured();
    }
    if (!mine.report) timer = setTimeout(() => look(mine), EVERY);
  } catch (error) {
    if (shown !== mine) return;
    if (error instanceof Lost) serverLost("run", () => { if (shown === mine) look(mine); });
    else timer = setTimeout(() => look(mine), 4 * EVERY);
  }
}

function drawRun() {
  const { run } = shown;
  document.title = `${run.name} \u00b7 Transduce`;
  $("h-run").replaceChildren(bdi(run.name));
  $("run-about").textContent = `${pairName(run)}; ${run.description}`;
  figures($("run-figures"), run);
  drawData(run.data);
  if (shown.next || shown.report) drawMeasured();
}

function drawMeasured() {
  const { metrics, report } = shown;
  const step = metrics.findLast((line) => line.step)?.step ?? 0;
  $("run-live").textContent = report ? t("finished") : t("training", { step: count(step) });
  $("run-live").classList.toggle("on", !report);
  drawCurves($("curves"), metrics);
  drawSamples();
  $("report").replaceChildren(...(report ? reportNodes(report) : [el("p", { class: "note" }, t("no-report"))]));
}

// Samples: one slider over the steps at which they were taken.
function drawSamples() {
  const box = $("samples");
  const taken = shown.metrics.filter((line) => line.kind === "samples" && Array.isArray(line.samples));
  if (!taken.length) {
    box.replaceChildren(el("p", { class: "note" }, t("no-samples")));
    return;
  }
  if (shown.follow) shown.at = taken.length - 1;
  const slider = box.querySelector("input") ?? el("input", { type: "range", min: 0, step: 1, "aria-label": t("step-slider"), oninput: moved });
  const trained = shown.metrics.filter((line) => line.kind === "train");
  slider.max = taken.length - 1;
  slider.value = shown.at;
  slider.disabled = taken.length < 2;
  const line = taken[shown.at];
  const told = t("at-step", { step: count(line.step), time: duration(secondsAt(trained, line.step)) });
  slider.setAttribute("aria-valuetext", told);
  const list = el("ul", { class: "trio" }, ...line.samples.map((sample) => el("li", {}, el("dl", {},
    el("dt", {}, t("given")), el("dd", { class: "text", dir: "auto" }, sample.source),
    el("dt", {}, t("model")), el("dd", { class: "text", dir: "auto" }, sample.output),
    el("dt", {}, t("reference")), el("dd", { class: "text", dir: "auto" }, sample.reference)))));
  if (slider.isConnected) {
    box.querySelector("output").textContent = told;
    box.querySelector(".trio").replaceWith(list);
  } else box.replaceChildren(el("div", { class: "slide" }, slider, el("output", {}, told)), list);
}

function moved(event) {
  shown.at = Number(event.target.value);
  shown.follow = shown.at === Number(event.target.max);
  drawSamples();
}

// The data report: a column for each part.
function drawData(data) {
  const all = [["d-train", data], ["d-valid", data.valid], ["d-test", data.test]].filter(([, part]) => part);
  const found = (finding) => (!finding?.count ? t("d-none") : finding.rows?.length
    ? t("d-rows-at", { count: count(finding.count), rows: finding.rows.map((row) => count(row)).join(", ") + (finding.count > finding.rows.length ? ", \u2026" : "") })
    : count(finding.count));
  const lengths = (each) => (each ? t(each.unit === "words" ? "d-lengths" : "d-characters", each) : "\u2014");
  const overlaps = Object.fromEntries((data.overlaps ?? []).map((each) => [`d-${each.part}`, each.sources]));
  const rows = [
    ["d-file", (part) => bdi(part.name)],
    ["d-rows", (part) => count(part.rows)], ["d-pairs", (part) => count(part.pairs)],
    ["d-dropped", (part) => listed(part.dropped)],
    ["d-source", (part) => lengths(part.source_lengths)], ["d-target", (part) => lengths(part.target_lengths)],
    ...["duplicates", "several_targets", "several_sources", "same_text", "odd_ratios"].map((name) => [`d-${name}`, (part) => found(part[name])]),
    ["d-signs", (part) => (part.characters ?? []).map((each) => t("d-sign", { name: each.name, source: count(each.source.count), target: count(each.target.count) })).join("; ") || t("d-none")],
    ["d-overlap", (part, name) => (name in overlaps ? found(overlaps[name]) : "\u2014")],
    ["d-held", (part) => listed(part.held_out)],
    ["d-notes", (part) => (part.notes ?? []).join(" ") || t("d-none")],
  ];
  $("data").replaceChildren(data.rows === undefined ? el("p", { class: "note" }, t("d-none"))
    : el("div", { class: "scroll", tabindex: "0" }, el("table", {},
      el("thead", {}, el("tr", {}, el("td"), ...all.map(([name]) => el("th", { scope: "col" }, t(name))))),
      el("tbody", {}, ...rows.map(([name, cell]) => el("tr", {}, el("th", { scope: "row" }, t(name)), ...all.map(([part, value]) => el("td", {}, cell(value, part)))))))));
}

function listed(counts) {
  const entries = Object.entries(counts ?? {}).map(([name, value]) => [name, value?.count ?? value]).filter(([, value]) => value);
  return entries.map(([name, value]) => `${name} ${typeof value === "number" ? count(value) : String(value)}`).join(", ") || t("d-none");
}

let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (!shown?.next || window.innerWidth === width) return; // a keyboard that slides in changes the height only
  width = window.innerWidth;
  drawCurves($("curves"), shown.metrics);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && shown && !shown.report && shown.next) { clearTimeout(timer); look(shown); }
});
onLanguage(() => { if (offer.runs.length) drawRuns(); if (shown) drawRun(); });
