// report.md as nodes. It is text from a folder that may come from anybody: every piece of it becomes text, none markup.
import { el } from "./dom.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*/g;

export function reportNodes(markdown) {
  const lines = markdown.split("\n");
  const nodes = [];
  let at = 0;
  const while_ = (test) => { const first = at; while (at < lines.length && test(lines[at])) at++; return lines.slice(first, at); };
  while (at < lines.length) {
    const line = lines[at];
    const heading = line.match(/^(#{1,4}) (.*)$/);
    if (!line.trim()) at++;
    else if (heading) {
      // The page has a title of its own, and this part one of the second rank.
      if (heading[1].length > 1) nodes.push(el(`h${Math.min(6, heading[1].length + 1)}`, {}, ...inline(heading[2])));
      at++;
    } else if (line.startsWith("```")) {
      at++;
      const code = while_((each) => !each.startsWith("```"));
      at++;
      nodes.push(el("pre", { tabindex: "0" }, code.join("\n")));
    } else if (line.startsWith("|")) nodes.push(table(while_((each) => each.startsWith("|"))));
    else if (/^\s*- /.test(line)) nodes.push(list(while_((each) => /^\s*- |^\s+\S/.test(each))));
    else nodes.push(el("p", {}, ...inline(while_((each) => each.trim() && !/^(#|\||```|\s*- )/.test(each)).join(" "))));
  }
  return nodes;
}

function inline(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    nodes.push(text.slice(at, found.index), el(found[1] ? "code" : "strong", {}, found[1] ?? found[2]));
    at = found.index + found[0].length;
  }
  return [...nodes, text.slice(at)];
}

function table(lines) {
  const rows = lines.map((line) => line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|")));
  const body = rows.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
  const [head, ...others] = body;
  const number = (cell) => /^[\d.,\s\u2212-]+%?$/.test(cell);
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((cell, k) => el("th", { scope: "col", class: others[0] && number(others[0][k] ?? "") ? "number" : null }, ...inline(cell))))),
    el("tbody", {}, ...others.map((row) => el("tr", {}, ...row.map((cell) => el("td", { class: number(cell) ? "number" : null }, ...inline(cell))))))));
}

// Two levels, as the report has them.
function list(lines) {
  const top = el("ul");
  let last = null;
  for (const line of lines) {
    const item = line.match(/^(\s*)- (.*)$/);
    if (!item) { if (last) last.append(" ", ...inline(line.trim())); continue; }
    // "label     text", as the report aligns it.
    const told = item[2].match(/^(\S[^.]{0,20}?)\s{2,}(.*)$/);
    const node = el("li", {}, ...(told ? [el("span", { class: "term" }, told[1]), el("span", {}, ...inline(told[2]))] : inline(item[2])));
    if (told) node.className = "entry";
    if (item[1].length && top.lastElementChild) {
      const inner = top.lastElementChild.querySelector("ul") ?? top.lastElementChild.appendChild(el("ul"));
      inner.append(node);
    } else top.append(node);
    last = node;
  }
  return top;
}
