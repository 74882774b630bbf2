// A file dropped on the page, or chosen, is translated and offered for download.
import { Lost, Refused, ask, events } from "./api.js";
import { chosen, offer } from "./catalog.js";
import { $, duration, el, fixed, percent } from "./dom.js";
import { keyNeeded } from "./key.js";
import { onLanguage, t } from "./texts.js";

const AROUND = 2_000; // bytes of a request beside its file
const SHORT = 4_000; // characters that are done in a step or two, of which no share is worth telling
let file = null;
let running = null;
let message = null;
let told = null; // what stands beside the bar
let download = null;
let column = null; // of a table, as it was sent
let begun = 0; // when the first of the text was sent to the model

export async function take(files) {
  if (!files.length) return;
  stop();
  file = files[0];
  location.hash = "#/";
  $("file-card").hidden = false;
  $("file-column").hidden = $("file-work").hidden = $("file-get").hidden = true;
  title();
  say(files.length > 1 ? () => t("file-one", { name: file.name }) : null);
  $("file-card").scrollIntoView({ block: "nearest" });
  const kinds = offer.settings?.supportedFilesFormat ?? [];
  const ending = file.name.includes(".") ? "." + file.name.split(".").pop().toLowerCase() : "";
  if (!kinds.includes(ending)) {
    say(() => t("file-kind", { list: kinds.join(" ") }));
  } else if (file.size > largest()) {
    const size = file.size;
    say(() => t("file-large", { size: megabytes(size), most: megabytes(largest()) }));
  } else {
    const columns = [".csv", ".tsv"].includes(ending) ? await header(file, ending) : [];
    if (columns.length > 1) askColumn(columns);
    else send(null);
  }
}

const megabytes = (bytes) => (bytes < 1e5 ? `${fixed(bytes / 1e3, 1)} kB` : `${fixed(bytes / 1e6, 1)} MB`);
const largest = () => (offer.settings?.maxFileSize ?? Infinity) - AROUND;

// The columns of a table, for the user to choose among. The server reads the file itself.
async function header(table, ending) {
  const start = (await table.slice(0, 65_536).text()).replace(/^\ufeff/, "");
  const line = start.split("\n", 1)[0];
  const counts = [...",;\t|"].map((sign) => line.split(sign).length);
  const sign = ending === ".tsv" ? "\t" : ",;\t|"[counts.indexOf(Math.max(...counts))];
  const cells = [];
  let cell = "", quoted = false;
  for (let k = 0; k < start.length; k++) {
    const letter = start[k];
    if (letter === '"') {
      if (quoted && start[k + 1] === '"') { cell += letter; k++; }
      else quoted = !quoted;
    } else if (!quoted && letter === sign) { cells.push(cell); cell = ""; }
    else if (!quoted && (letter === "\n" || letter === "\r")) break;
    else cell += letter;
  }
  return [...cells, cell];
}

function askColumn(columns) {
  $("file-column").hidden = false;
  $("column").replaceChildren(...columns.map((name, k) => el("option", { value: k + 1 }, name || String(k + 1))));
  say(() => t("file-choose"));
  $("column").focus();
}

async function send(chosenColumn) {
  column = chosenColumn;
  $("file-column").hidden = true;
  $("file-work").hidden = false;
  $("file-bar").removeAttribute("value");
  share(null);
  say(() => t("file-reading"));
  const mine = new AbortController();
  running = mine;
  const form = new FormData();
  form.set("source", chosen.from ?? "auto");
  // A run may be meant that is not the first for its languages: it goes by its name.
  form.set("target", chosen.model && offer.runs.find((run) => run.source === chosen.from && run.target === chosen.to)?.name !== chosen.model ? chosen.model : chosen.to);
  if (column) form.set("column", column);
  const name = file.name.replace(/(\.[^.]*)$/, `.${chosen.to}$1`); // it comes back under the name that it is sent by
  form.set("file", file, name);
  try {
    const response = await ask("/translate_file", { body: form, signal: mine.signal, accept: "text/event-stream" });
    for await (const { event, data } of events(response)) {
      if (running !== mine) return;
      if (event === "progress") progress(data.done, data.total);
      else if (event === "error") throw new Refused(400, data.error, null);
      else if (event === "done") return finish(data.translatedFileUrl, name);
    }
    throw new Lost("the answer broke off");
  } catch (error) {
    if (running !== mine || error.name === "AbortError") return;
    fail(error);
  }
}

// A bar that fills, with the time left when it is known; of a short file, one that only moves.
function progress(done, total) {
  if (!done) {
    begun = performance.now();
    say(() => t("file-working"));
    return;
  }
  if (total <= SHORT) return;
  $("file-bar").value = done / total;
  const seconds = (performance.now() - begun) / 1000;
  const left = seconds > 2 ? (seconds / done) * (total - done) : null;
  share(() => (left === null ? t("file-progress", { percent: percent(done / total) })
    : t("file-left", { percent: percent(done / total), time: duration(Math.max(1, left)) })));
}

// Beside the bar and not in the live region: a screen reader follows the bar itself.
function share(what) {
  told = what;
  $("file-share").textContent = what?.() ?? "";
}

function finish(address, name) {
  running = null;
  $("file-work").hidden = true;
  const { pathname } = new URL(address, location.href); // the way back is the way the page came
  download = name;
  const link = $("file-get");
  link.href = pathname;
  link.download = download;
  link.hidden = false;
  title();
  say(() => t("file-done"));
  link.focus();
}

function fail(error) {
  running = null;
  $("file-work").hidden = true;
  if (error instanceof Lost) say(() => t("file-lost"));
  else if (!(error instanceof Refused)) throw error;
  else if (error.status === 403 && offer.settings?.keyRequired) { say(null); keyNeeded({ wrong: true }); }
  else if ((error.status === 429 || error.status === 503) && error.retry) {
    const seconds = Math.max(1, error.retry);
    const mine = {};
    running = { abort() { clearTimeout(mine.timer); } };
    mine.timer = setTimeout(() => send(column), seconds * 1000);
    say(() => t(error.status === 429 ? "rate" : "busy", { seconds }));
  } else say(() => t("error", { error: error.message }));
}

function stop() {
  running?.abort();
  running = null;
}

function title() {
  $("h-file").replaceChildren(file ? t("file-title", { name: file.name }) : "");
  if (download) $("file-get").textContent = t("file-get", { name: download });
}

function say(what) {
  message = what;
  $("file-state").textContent = what?.() ?? "";
}

$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", (event) => { take([...event.target.files]); event.target.value = ""; });
$("file-go").addEventListener("click", () => send($("column").value));
$("file-stop").addEventListener("click", () => { stop(); $("file-work").hidden = true; say(() => t("file-stopped")); });
$("file-close").addEventListener("click", () => { stop(); $("file-card").hidden = true; $("pick").focus(); });

// A drag that crosses nodes enters and leaves each; only the last leave takes the curtain away.
let over = 0;
const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const curtain = (shown) => { $("drop").hidden = !shown; if (!shown) over = 0; };
window.addEventListener("dragenter", (event) => { if (carries(event)) { over += 1; curtain(true); event.preventDefault(); } });
window.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
window.addEventListener("dragleave", (event) => { if (carries(event) && --over <= 0) curtain(false); });
window.addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  curtain(false);
  take([...event.dataTransfer.files]);
});
onLanguage(() => { title(); if (message) $("file-state").textContent = message(); if (told) $("file-share").textContent = told(); });
