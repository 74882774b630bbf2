// Attention, gradient, and the one vector: maps with the numbers of the chosen cell beside them.
function field(label, input) {
  return el("label", {}, label, input);
}

// The strongest cells of each row, for those who cannot see the map.
function strongest(weights, summary, head) {
  const fill = () => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t(summary) }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("token")), el("th", { scope: "col" }, t(head)))),
    el("tbody", {}, ...DATA.target.tokens.map((token, row) => {
      const values = weights.row(row);
      const best = values.map((_, k) => k).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, 3);
      return el("tr", {}, el("th", { scope: "row" }, tokenNode(token)),
        el("td", {}, ...best.flatMap((k, place) => [place ? ", " : "", tokenNode(DATA.source.tokens[k]), `\u00a0${fixed(values[k], 3)}`])));
    }))));
  const node = el("details", { ontoggle: () => { if (node.open && node.children.length === 1) node.append(fill()); } }, el("summary", {}, t(summary)));
  return node;
}

function tokenSelect(tokens, chosen, onChange) {
  const select = el("select", { onchange: () => onChange(Number(select.value)) },
    ...tokens.map((token, k) => el("option", { value: k }, `${k + 1} ${tokenText(token)}`)));
  select.value = String(chosen);
  return select;
}

const AttentionMap = {
  cell: null,

  build() {
    document.getElementById("attention-section").hidden = !DATA.attention.length;
    if (!DATA.attention.length) return;
    const map = DATA.attention[State.map];
    const weights = matrix(map.weights);
    const scale = scaleOf(0, 1, 1);
    this.heat = new Heat({
      rows: weights.rows, cols: weights.cols, at: (row, col) => weights.at(row, col), scale, least: 15, most: 46, rowHeight: 24,
      rowLabel: (row) => tokenText(DATA.target.tokens[row]), colLabel: (col) => tokenText(DATA.source.tokens[col]),
      label: t("attention-label", { rows: weights.rows, cols: weights.cols }),
      describe: (row, col) => parts("reading-attention", { target: tokenNode(DATA.target.tokens[row]), source: tokenNode(DATA.source.tokens[col]), value: number(weights.at(row, col)) }),
      onPick: (row, col) => { this.cell = [row, col]; if (State.step !== row) setStep(row, { from: "attention" }); this.tell(); },
    });
    const go = (row, col) => this.heat.pick(row, col);
    this.row = tokenSelect(DATA.target.tokens, 0, (k) => go(k, this.cell[1]));
    this.col = tokenSelect(DATA.source.tokens, 0, (k) => go(this.cell[0], k));
    this.told = el("div");
    document.getElementById("attention").replaceChildren(
      el("div", {}, legend(scale), this.heat.node, strongest(weights, "attention-table", "looks-at")),
      el("div", { class: "aside", id: "attention-cell" }, this.told,
        el("div", { class: "cellpick" }, field(t("row-label"), this.row), field(t("source-label"), this.col))));
    this.cell ??= this.greatest();
    this.heat.layout();
    this.heat.pick(...this.cell, { quiet: true });
    this.heat.setMark(State.step);
    this.tell();
  },

  // The cell of this step with the most weight.
  greatest() {
    const row = matrix(DATA.attention[State.map].weights).row(State.step);
    return [State.step, row.indexOf(Math.max(...row))];
  },

  tell() {
    const map = DATA.attention[State.map];
    const [row, col] = this.cell;
    const [target, source] = [DATA.target.tokens[row], DATA.source.tokens[col]];
    const all = matrix(map.scores).row(row);
    const sum = all.reduce((whole, score) => whole + Math.exp(score), 0);
    const [score, weight] = [all[col], matrix(map.weights).at(row, col)];
    const terms = all.map((_, k) => k).sort((a, b) => all[b] - all[a]);
    const shown = terms.slice(0, all.length > 8 ? 5 : 8);
    const rest = terms.slice(shown.length).reduce((whole, k) => whole + Math.exp(all[k]), 0);
    this.row.value = String(row);
    this.col.value = String(col);
    this.told.replaceChildren(
      el("h3", {}, ...parts("cell-attention", { target: tokenNode(target), source: tokenNode(source) })),
      ...map.equation.split(";").map((line) => el("p", {}, mathNode(line.trim()))),
      el("div", { class: "worked", id: "attention-worked" },
        el("p", {}, `score = ${number(score)}`),
        el("p", {}, `\u03a3 exp = ${shown.map((k) => `exp(${number(all[k])})`).join(" + ")}${rest ? ` + ${number(rest)}` : ""}`),
        el("p", {}, `= ${number(sum)}`),
        el("p", { class: "result" }, `\u03b1 = exp(${number(score)}) / ${number(sum)} = ${number(weight)}`)));
  },

  // The step's own row, where it looked most; a cell that was chosen stays.
  follow(from) {
    if (!this.heat) return;
    this.heat.setMark(State.step);
    if (from === "attention" || from === "build") return;
    this.cell = this.greatest();
    this.heat.pick(...this.cell, { quiet: true });
    this.tell();
  },
};

const GradientMap = {
  build() {
    document.getElementById("gradient-section").hidden = !DATA.gradient;
    if (!DATA.gradient) return;
    const { method, points, equation, totals } = DATA.gradient;
    const weights = matrix(DATA.gradient.weights);
    const scale = scaleOf(null, null, weights.most);
    document.getElementById("gradient-note").textContent = t("gradient-note-" + method, { points });
    const aside = el("div", { class: "aside" });
    const token = (side, k) => tokenNode(DATA[side].tokens[k]);
    this.heat = new Heat({
      rows: weights.rows, cols: weights.cols, at: (row, col) => weights.at(row, col), scale, least: 15, most: 46, rowHeight: 24,
      rowLabel: (row) => tokenText(DATA.target.tokens[row]), colLabel: (col) => tokenText(DATA.source.tokens[col]),
      label: t("gradient-label", { rows: weights.rows, cols: weights.cols }),
      describe: (row, col) => parts("reading-gradient", { target: token("target", row), source: token("source", col), value: number(weights.at(row, col)) }),
      onPick: (row, col) => {
        const sum = weights.row(row).reduce((a, b) => a + b, 0);
        aside.replaceChildren(el("h3", {}, ...parts("reading-gradient", { target: token("target", row), source: token("source", col), value: number(weights.at(row, col)) })),
          el("p", {}, mathNode(equation)), el("p", {}, t("gradient-row", { sum: number(sum), total: number(totals[row]) })));
      },
    });
    document.getElementById("gradient").replaceChildren(
      el("div", {}, legend(scale), this.heat.node, strongest(weights, "gradient-table", "depends-on")), aside);
    this.heat.layout();
    const row = weights.row(State.step).map(Math.abs);
    this.heat.pick(State.step, row.indexOf(Math.max(...row)));
    this.heat.setMark(State.step);
  },
  follow() {
    this.heat?.setMark(State.step);
  },
};

function cosine(a, b) {
  let [dot, one, two] = [0, 0, 0];
  a.forEach((value, k) => { dot += value * b[k]; one += value * value; two += b[k] * b[k]; });
  return dot / (Math.sqrt(one * two) || 1);
}

const Vector = {
  build() {
    const show = !DATA.attention.length && DATA.summary && DATA.summary.length > 0;
    document.getElementById("vector-section").hidden = !show;
    if (!show) return;
    const summary = DATA.summary;
    document.getElementById("vector-note").textContent = t("vector-note", { width: summary.length });
    const [low, high] = [Math.min(...summary), Math.max(...summary)];
    const label = t("strip-label", { title: t("vector"), width: summary.length, low: number(low, 3), high: number(high, 3) });
    const left = el("div", {}, el("div", { class: "strip" }, el("span", { class: "label" }, label),
      strip(summary, scaleOf(null, null, Math.max(-low, high) || 1), label)));
    const encoder = this.joined("encoder");
    const decoder = this.joined("decoder");
    for (const [key, rows, tokens] of [["vector-grow", encoder, DATA.source.tokens], ["vector-fade", decoder, DATA.target.tokens]]) {
      if (!rows || rows[0].length !== summary.length) continue;
      left.append(el("div", { class: "strip" }, el("h3", {}, t(key)), this.bars(rows.map((row) => cosine(row, summary)), tokens, t(key))));
    }
    document.getElementById("vector").replaceChildren(left);
    document.getElementById("vector").className = "";
  },
  // States of the top layer, directions side by side.
  joined(part) {
    const most = Math.max(...DATA[part].map((layer) => layer.number));
    const layers = DATA[part].filter((layer) => layer.number === most).map((layer) => layer.values[part === "encoder" ? "h" : "s"]);
    if (!layers.length || layers.some((each) => !each)) return null;
    const all = layers.map(matrix);
    return Array.from({ length: all[0].rows }, (_, row) => all.flatMap((each) => each.row(row)));
  },
  bars(values, tokens, label) {
    const list = el("ul", { class: "looks", "aria-label": label, tabindex: tokens.length > 40 ? "0" : null });
    values.forEach((value, k) => {
      const column = el("span", { class: "column", "aria-hidden": "true" });
      column.style.height = `${Math.max(0, value) * 100}%`;
      list.append(el("li", {}, column, tokenNode(tokens[k]), el("span", {}, fixed(value, 2))));
    });
    return list;
  },
};
