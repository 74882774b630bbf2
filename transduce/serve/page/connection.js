// A server that is lost, or asks to be left alone for a while: say so, wait, ask again.
import { ask } from "./api.js";
import { $ } from "./dom.js";
import { onLanguage, t } from "./texts.js";

const DELAYS = [1, 2, 4, 8, 15]; // seconds
const waiting = new Map(); // name -> what to do when the server is there again
let lost = false;
let tries = 0;
let until = 0;
let timer = null;
let reason = "lost";
let returned = () => {};

// Called once whenever the server is back, before those who wait.
export function onReturn(callback) {
  returned = callback;
}

// Nobody answered. ``again`` is called when somebody does; of one name, only the last.
export function serverLost(name, again) {
  waiting.set(name, again);
  if (lost) return;
  lost = true;
  tries = 0;
  begin("lost", DELAYS[0]);
}

// The server asked to be asked again later.
export function serverBusy(name, again, error) {
  waiting.set(name, again);
  if (lost || (until > Date.now() && timer !== null)) return;
  begin(error.status === 429 ? "rate" : "busy", Math.min(60, Math.max(1, error.retry ?? 1)));
}

// Somebody answered after all, or what waited was overtaken.
export function settled(name) {
  waiting.delete(name);
  if (!waiting.size && !lost) end();
}

// Whether now is not the time to ask; ``again`` is then called when it is.
export function held(name, again) {
  const wait = lost || (timer !== null && until > Date.now());
  if (wait) waiting.set(name, again);
  return wait;
}

function begin(why, seconds) {
  reason = why;
  until = Date.now() + seconds * 1000;
  $("banner").hidden = false;
  clearInterval(timer);
  timer = setInterval(tick, 200);
  tick();
}

function tick() {
  const left = Math.ceil((until - Date.now()) / 1000);
  if (left > 0) say(t(reason, { seconds: left }));
  else attempt();
}

async function attempt() {
  clearInterval(timer);
  timer = null;
  if (!lost) {
    release();
    return;
  }
  say(t("lost-now"));
  try {
    await ask("/ready", { signal: AbortSignal.timeout(5000) });
  } catch {
    tries += 1;
    begin("lost", DELAYS[Math.min(tries, DELAYS.length - 1)]);
    return;
  }
  lost = false;
  try { await returned(); } catch { /* what still fails says so itself */ }
  if (!lost) release();
}

function release() {
  const all = [...waiting.values()];
  waiting.clear();
  end();
  for (const again of all) again();
}

function end() {
  clearInterval(timer);
  timer = null;
  until = 0;
  $("banner").hidden = true;
  $("banner-text").textContent = "";
}

// Only what changed is said: a screen reader would otherwise count every second aloud.
function say(text) {
  const node = $("banner-text");
  if (node.textContent === text) return;
  node.textContent = text;
}

$("banner-now").addEventListener("click", attempt);
window.addEventListener("online", () => { if (lost) attempt(); });
onLanguage(() => { if (timer !== null) tick(); });
