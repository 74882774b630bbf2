// The key of a server that wants one.
import { key } from "./api.js";
import { $ } from "./dom.js";
import { onLanguage, t } from "./texts.js";

let note = "key-needed";
let use = () => {};

export function onKey(callback) {
  use = callback;
}

export function keyNeeded({ wrong = false } = {}) {
  const shown = !$("key-form").hidden;
  $("key-form").hidden = false;
  note = wrong && key.get() ? "key-wrong" : "key-needed";
  $("key-note").textContent = t(note);
  if (!shown || wrong) $("key").focus();
}

export function keyTaken() {
  $("key-form").hidden = true;
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set($("key").value.trim());
  use();
});
onLanguage(() => { $("key-note").textContent = $("key-form").hidden ? "" : t(note); });
