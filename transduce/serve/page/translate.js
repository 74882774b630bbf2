// From the keyboard to the server and back: asks while one types, and never lets an older answer over a newer one.
import { Lost, Refused, read } from "./api.js";
import { asked, choose, chosen, offer, onChoice, reverse, runNamed, sideName, widest } from "./catalog.js";
import { held, serverBusy, serverLost, settled } from "./connection.js";
import { $, count, fixed, languageName } from "./dom.js";
import { keyNeeded } from "./key.js";
import { clearReading, copyText, reading, setBackdrop, show } from "./reading.js";
import { onLanguage, t } from "./texts.js";

const OUTPUTS = 4; // of the beam, to choose among
const WHOLE = 1500; // characters up to which everything is asked for at once; beyond it, sentence by sentence when needed
const text = $("text");
let timer = null;
let running = null; // AbortController of the request whose answer is awaited
let problem = null; // () => what went wrong, in the page's language
let found = null; // {language, confidence}
let state = null; // () => what stands under the output

const characters = (value) => [...value].length;

function delay() {
  return text.value.length < 400 ? 180 : text.value.length < 3000 ? 450 : 900;
}

export function typed() {
  setBackdrop();
  keep();
  counted();
  clearTimeout(timer);
  if (!text.value.trim()) {
    request();
  } else {
    timer = setTimeout(request, delay());
  }
}

export async function request() {
  clearTimeout(timer);
  running?.abort();
  running = null;
  const value = text.value;
  if (!value.trim()) {
    settled("translate");
    found = null;
    report(null);
    say(null);
    clearReading();
    foundLanguage();
    return;
  }
  const most = offer.settings?.charLimit ?? Infinity;
  if (characters(value) > most) {
    settled("translate");
    refuse(() => t("too-long", { count: count(characters(value)), most: count(most) }));
    return;
  }
  if (!offer.runs.length || held("translate", request)) return;
  const mine = new AbortController();
  running = mine;
  busy(mine);
  const whole = value.length <= WHOLE;
  const began = performance.now();
  try {
    const answer = await read("/v1/translate", { signal: mine.signal,
      json: { ...asked(), text: value, tokens: true, attention: whole, nbest: whole ? widest(OUTPUTS) : 1 } });
    if (running !== mine) return;
    running = null;
    report(null);
    found = answer.detected?.[0] ?? null;
    foundLanguage();
    show(answer, value, whole);
    const seconds = (performance.now() - began) / 1000;
    say(() => t("done", { seconds: fixed(seconds, 2) }));
  } catch (error) {
    if (running !== mine || error.name === "AbortError") return;
    running = null;
    failed(error);
  }
}

// The work is said only if it takes long enough to be noticed.
function busy(mine) {
  setTimeout(() => {
    if (running !== mine) return;
    $("output").classList.add("stale");
    say(() => t("working"));
  }, 250);
}

function failed(error) {
  if (error instanceof Lost) {
    serverLost("translate", request);
  } else if (error instanceof Refused && (error.status === 429 || error.status === 503)) {
    serverBusy("translate", request, error);
  } else if (error instanceof Refused && error.status === 403 && offer.settings?.keyRequired) {
    keyNeeded({ wrong: true });
  } else if (error instanceof Refused) {
    refuse(() => (error.status >= 500 ? t("error-server") : t("error", { error: error.message })), { again: true });
    return;
  } else {
    throw error;
  }
  $("output").classList.add("stale"); // it answers what stood there before
  say(null);
}

function refuse(message, { again = false } = {}) {
  clearReading({ quiet: true });
  say(null);
  report(message, again);
}

function report(message, again = false) {
  problem = message;
  $("problem").hidden = message === null;
  $("problem-text").textContent = message?.() ?? "";
  $("again").hidden = !again;
  if (message !== null) $("empty").hidden = true;
}

function say(message) {
  state = message;
  $("state").textContent = message?.() ?? "";
}

function counted() {
  const length = text.value ? characters(text.value) : 0;
  $("count").textContent = length ? t("count", { count: count(length) }) : "";
  $("clear").disabled = !length;
}

function keep() {
  try { sessionStorage.setItem("transduce.text", text.value); } catch { /* then a reload forgets it */ }
}

function foundLanguage() {
  const named = found && languageName(found.language, runNamed(found.language) ? sideName(runNamed(found.language), "source") : found.language);
  $("found").textContent = !found ? "" : t(found.confidence >= 50 ? "found-is" : "found-perhaps", { language: named });
  const back = reverse(found?.language);
  $("swap").disabled = back === null;
  const names = { source: $("from").selectedOptions[0]?.textContent ?? "", target: $("to").selectedOptions[0]?.textContent ?? "" };
  $("swap").title = back === null && chosen.to ? t("swap-none", names) : t("swap");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(copyText());
    say(() => t("copied"));
  } catch {
    const range = document.createRange();
    range.selectNodeContents($("output"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    say(() => t("copy-failed"));
  }
}

export function startTranslate() {
  try { if (!text.value) text.value = sessionStorage.getItem("transduce.text") ?? ""; } catch { /* nothing was kept */ }
  typed();
}

text.addEventListener("input", typed);
$("clear").addEventListener("click", () => { text.value = ""; typed(); text.focus(); });
$("again").addEventListener("click", request);
$("copy").addEventListener("click", copy);
$("swap").addEventListener("click", () => {
  const back = reverse(found?.language);
  if (!back) return;
  const output = reading.result ? copyText() : "";
  if (output.trim()) text.value = output;
  setBackdrop();
  counted();
  keep();
  choose(back);
});
onChoice(() => { found = null; foundLanguage(); request(); });
onLanguage(() => {
  counted();
  foundLanguage();
  if (problem) $("problem-text").textContent = problem();
  if (state) $("state").textContent = state();
});
