// Which page is shown, in which language and theme; the first requests, and those after the server was lost.
import { Lost, Refused, key } from "./api.js";
import { load, offer } from "./catalog.js";
import { leaveCompare, openCompare } from "./compare.js";
import { onReturn, serverBusy, serverLost } from "./connection.js";
import { $ } from "./dom.js";
import "./files.js";
import { keyNeeded, keyTaken, onKey } from "./key.js";
import { drawRuns, leaveRun, openRun } from "./run.js";
import { firstLanguage, onLanguage, setLanguage, t } from "./texts.js";
import { startTranslate } from "./translate.js";

const VIEWS = ["translate", "runs", "run", "compare"];
let shown = null;

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const view = VIEWS.includes(name) ? name : "translate";
  const moved = shown !== null && shown !== view;
  shown = view;
  for (const each of VIEWS) $(`view-${each}`).hidden = each !== view;
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.getAttribute("href").slice(2) || "translate";
    if (own === view || (own === "runs" && view === "run")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leaveRun();
  leaveCompare();
  title();
  if (offer.runs.length) {
    if (view === "runs") drawRuns();
    if (view === "run") openRun(rest[0]);
    if (view === "compare") openCompare(...rest);
  }
  if (moved) {
    scrollTo(0, 0);
    $("main").focus({ preventScroll: true });
  }
}

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

function title() {
  document.title = shown === null || shown === "translate" ? "Transduce" : `${t(shown === "run" ? "runs" : shown)} \u00b7 Transduce`;
}

async function begin() {
  try {
    await load();
  } catch (error) {
    if (error instanceof Lost) serverLost("begin", begin);
    else if (error instanceof Refused && error.status === 403) keyNeeded({ wrong: Boolean(key.get()) });
    else if (error instanceof Refused) serverBusy("begin", begin, error);
    else throw error;
    return;
  }
  keyTaken();
  startTranslate();
  route();
}

function theme(value) {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  try { localStorage.setItem("transduce.theme", value); } catch { /* then it holds for this page only */ }
}

for (const [id, code] of [["lang-en", "en"], ["lang-zh", "zh"]]) $(id).addEventListener("click", () => setLanguage(code));
$("theme").value = document.documentElement.dataset.theme ?? "auto";
$("theme").addEventListener("change", (event) => theme(event.target.value));
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); }); // the hash is the page's address
window.addEventListener("hashchange", route);
onLanguage(title);
onKey(begin);
onReturn(load); // another server may stand there now, with other runs
setLanguage(firstLanguage());
route();
begin();
