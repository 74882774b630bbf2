// Nodes, and numbers as they are read.
import { language, t } from "./texts.js";

export const $ = (id) => document.getElementById(id);

// Children are nodes or text; text never becomes markup.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  fill(node, attributes, children);
  return node;
}

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  fill(node, attributes, children);
  return node;
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
}

export function bdi(text, attributes = {}) {
  return el("bdi", { dir: "auto", ...attributes }, text);
}

export const count = (value) => (value === null || value === undefined ? "\u2014" : value.toLocaleString(language === "zh" ? "zh-CN" : "en-US"));

export function fixed(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "\u2212") : "\u2014";
}

export function percent(value) {
  const shown = value * 100;
  const text = shown > 0 && shown < 0.1 ? "<\u00a00.1" : shown < 9.95 ? shown.toFixed(1) : shown.toFixed(0);
  return `${text}\u00a0%`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? t("seconds", { seconds: whole }) : t("minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}

export function millions(value) {
  return value >= 1e6 ? `${fixed(value / 1e6, 1)}M` : count(value);
}

// The name of a language in the page's language; what is no code keeps its own name.
export function languageName(code, otherwise = code) {
  if (!/^[a-z]{2,3}$/.test(code)) return otherwise;
  try {
    return new Intl.DisplayNames([language === "zh" ? "zh-Hans" : "en"], { type: "language", fallback: "none" }).of(code) ?? otherwise;
  } catch {
    return otherwise;
  }
}
