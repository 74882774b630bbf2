// States and gates of every layer as heat maps; beside a chosen cell its equation and the numbers in it.
const States = {
  group: 0,
  name: null,
  cell: [0, 0],

  groups() {
    const layer = (each) => ({
      title: t(`layer-${each.part}` + (this.bothWays(each) ? `-${each.direction}` : ""), { number: each.number + 1 }),
      quantities: each.quantities.filter((quantity) => each.values[quantity.name]), values: each.values,
      tokens: each.part === "encoder" ? DATA.source.tokens : DATA.target.tokens, part: each.part, layer: each,
    });
    const found = [...DATA.encoder.map(layer), ...DATA.decoder.map(layer)];
    const outputs = DATA.output_quantities.filter((quantity) => DATA.outputs[quantity.name]);
    if (outputs.length) found.push({ title: t("layer-outputs"), quantities: outputs, values: DATA.outputs, tokens: DATA.target.tokens, part: "outputs" });
    const first = (DATA.first_quantities ?? []).filter((quantity) => DATA.first[quantity.name]);
    if (first.length) {
      const rows = matrix(DATA.first[first[0].name]).rows;
      const tokens = Array.from({ length: rows }, (_, k) => ({ text: t("layer-decoder", { number: k + 1 }), kind: "word" }));
      found.push({ title: t("layer-first"), quantities: first, values: DATA.first, tokens, part: "first" });
    }
    return found;
  },

  bothWays(layer) {
    return DATA[layer.part].some((other) => other.number === layer.number && other.direction !== layer.direction);
  },

  build() {
    const groups = this.groups();
    document.getElementById("states-section").hidden = !groups.length;
    if (!groups.length) return;
    const select = el("select", { id: "layer", onchange: () => { this.group = Number(select.value); this.draw(); } },
      ...groups.map((group, k) => el("option", { value: k }, group.title)));
    select.value = String(this.group);
    this.quantities = el("fieldset", { id: "quantities" });
    this.map = el("div");
    this.told = el("div");
    this.pickers = el("div", { class: "cellpick" });
    this.aside = el("div", { class: "aside", id: "state-cell" }, this.told, this.pickers);
    document.getElementById("states").replaceChildren(
      el("div", { class: "choices" }, field(t("layer"), select), this.quantities), el("div", { class: "beside" }, this.map, this.aside));
    this.draw();
  },

  draw() {
    const group = this.groups()[this.group];
    const quantity = group.quantities.find((each) => each.name === this.name) ?? group.quantities[group.quantities.length - 1];
    this.name = quantity.name;
    this.quantities.replaceChildren(el("legend", {}, t("quantity")), ...group.quantities.map((each) =>
      el("button", { type: "button", "aria-pressed": String(each === quantity), "data-name": each.name, onclick: () => { this.name = each.name; this.draw(); this.quantities.querySelector("[aria-pressed=true]").focus(); } },
        `${each.name === each.title ? "" : each.name + "\u2002"}${titleOf(each)}`)));
    const values = matrix(group.values[quantity.name]);
    const scale = scaleOf(quantity.low, quantity.high, values.most);
    const token = (row) => tokenNode(group.tokens[row]);
    this.heat = new Heat({
      rows: values.rows, cols: values.cols, at: (row, col) => values.at(row, col), scale, least: 3, most: 28, rowHeight: 18,
      rowLabel: (row) => tokenText(group.tokens[row]), colLabel: null,
      label: t("states-label", { title: titleOf(quantity), layer: group.title, rows: values.rows, cols: values.cols }),
      describe: (row, col) => parts("reading-state", { row: row + 1, token: token(row), col, name: quantity.name, value: number(values.at(row, col)) }),
      onPick: (row, col) => { this.cell = [row, col]; this.tell(group, quantity, values); this.step(group, row); },
    });
    this.row = tokenSelect(group.tokens, 0, (k) => this.heat.pick(k, this.cell[1]));
    this.unit = el("input", { type: "number", min: "0", max: values.cols - 1, id: "unit" });
    this.unit.addEventListener("change", () => {
      this.heat.pick(this.cell[0], Math.max(0, Math.min(values.cols - 1, Math.round(Number(this.unit.value)) || 0)));
    });
    this.pickers.replaceChildren(field(t("row-label"), this.row), field(t("unit-label"), this.unit));
    this.retell = () => this.tell(group, quantity, values);
    this.map.replaceChildren(legend(scale), this.heat.node, values.coarse ? el("p", { class: "note" }, t("coarse")) : "");
    this.heat.layout();
    this.cell = [Math.min(this.cell[0], values.rows - 1), Math.min(this.cell[1], values.cols - 1)];
    this.heat.pick(...this.cell, { quiet: true });
    this.retell();
    this.follow("build");
  },

  step(group, row) {
    if (group.part === "decoder" || group.part === "outputs") setStep(row, { from: "states" });
  },

  // What stands behind a name in an equation of this cell: {value, go} or null.
  find(group, row, unit, name) {
    const [, base, index] = name.match(/^([A-Za-z]+)_(?:\{([^}]*)\}|.*)$/) ?? [];
    const when = index ?? name.slice((base ?? "").length + 1);
    if (!base || (when !== "t" && when !== "t-1")) return null;
    if (group.part === "outputs") return this.findOutput(base, when, row, unit);
    const packed = group.layer && group.values[base];
    if (!packed) return null;
    const values = matrix(packed);
    const index0 = this.groups().findIndex((each) => each.layer === group.layer);
    if (when === "t") return { value: values.at(row, unit), go: () => this.goTo(index0, base, row, unit) };
    const before = this.before(group.layer, row, values.rows);
    if (before !== null) return { value: values.at(before, unit), go: () => this.goTo(index0, base, before, unit) };
    const first = DATA.first?.[`${base}_0`];
    if (group.part === "decoder" && first) {
      const last = this.groups().findIndex((each) => each.part === "first");
      return { value: matrix(first).at(group.layer.number, unit), note: "first-before",
        go: last >= 0 ? () => this.goTo(last, `${base}_0`, group.layer.number, unit) : null };
    }
    return { value: 0, note: "zero-before" };
  },

  findOutput(base, when, row, unit) {
    if (when !== "t") return null;
    if (DATA.outputs[base]) {
      const outputs = this.groups().findIndex((each) => each.part === "outputs");
      return { value: matrix(DATA.outputs[base]).at(row, unit), go: () => this.goTo(outputs, base, row, unit) };
    }
    if (base !== "s") return null;
    const most = DATA.decoder.length - 1;
    const packed = DATA.decoder[most]?.values.s;
    return packed ? { value: matrix(packed).at(row, unit), go: () => this.goTo(DATA.encoder.length + most, "s", row, unit) } : null;
  },

  // The position that the layer read before this one.
  before(layer, row, rows) {
    if (layer.order) {
      const place = layer.order.indexOf(row);
      return place > 0 ? layer.order[place - 1] : null;
    }
    const before = layer.direction === "backward" ? row + 1 : row - 1;
    return before >= 0 && before < rows ? before : null;
  },

  goTo(group, name, row, unit) {
    this.group = group;
    this.name = name;
    this.cell = [row, unit];
    document.getElementById("layer").value = String(group);
    this.draw();
    this.heat.box.focus();
  },

  tell(group, quantity, values) {
    const [row, unit] = this.cell;
    const value = values.at(row, unit);
    this.row.value = String(row);
    this.unit.value = String(unit);
    this.told.replaceChildren(
      el("h3", {}, ...parts("cell-state", { name: quantity.name, unit, row: row + 1, token: tokenNode(group.tokens[row]) })),
      el("p", {}, mathNode(quantity.equation)),
      ...this.worked(group, quantity, row, unit, value));
  },

  worked(group, quantity, row, unit, value) {
    if (quantity.name === "context" && DATA.attention.length === 1) return this.context(row, unit, value);
    const work = workOut(quantity.equation, value, (name) => this.find(group, row, unit, name));
    if (work.kind === "whole") {
      const known = Object.entries(work.found);
      return [
        el("div", { class: "worked", id: "state-worked" }, el("p", { class: "substituted" }, `= ${work.text}`), el("p", { class: "result" }, `= ${number(value)}`)),
        el("h3", {}, t("parts")),
        el("ul", { class: "parts" }, ...known.map(([name, each]) => el("li", {}, each.go
          ? el("button", { type: "button", onclick: each.go }, mathNode(name), ` = ${number(each.value)}`)
          : el("span", {}, mathNode(name), ` = ${number(each.value)}`)))),
        ...known.filter(([, each]) => each.note).map(([name, each]) => el("p", { class: "note" }, ...parts(each.note, { name: mathNode(name) }))),
      ];
    }
    if (work.kind === "outer") {
      const told = [el("div", { class: "worked", id: "state-worked" },
        el("p", { class: "substituted" }, `= ${work.call}(${number(work.argument)})`), el("p", { class: "result" }, `= ${number(value)}`)),
      el("p", { class: "note" }, "a = ", mathNode(work.inside)),
      el("p", { class: "note" }, t("worked-back", { unit }))];
      told[0].firstChild.replaceChildren(`= ${work.call}(a), a = ${number(work.argument)}`);
      if (group.layer?.input) told.push(el("p", { class: "note" }, this.input(group.layer)));
      return told;
    }
    return [el("div", { class: "worked", id: "state-worked" }, el("p", { class: "result" }, `= ${number(value)}`))];
  },

  input(layer) {
    const known = [[/^the embedding of token t$/, "x-embedding"], [/^h_t of encoder layer (\d+), its directions side by side$/, "x-encoder-layer"],
      [/^s_t of decoder layer (\d+)$/, "x-decoder-layer"], [/^the embedding of the token before$/, "x-before"], [/^the embedding of the token before, beside/, "x-fed"]];
    const found = known.find(([pattern]) => pattern.test(layer.input));
    const number = Number(layer.input.match(/layer (\d+)/)?.[1] ?? -1) + 1;
    return t("x-is", { input: found ? t(found[1], { number }) : layer.input });
  },

  // context_t = sum_j alpha_tj h_j, its largest terms written out.
  context(row, unit, value) {
    const states = Vector.joined("encoder");
    if (!states || unit >= states[0].length) return [];
    const alpha = matrix(DATA.attention[0].weights).row(row);
    const terms = alpha.map((weight, k) => ({ weight, k, h: states[k][unit] })).sort((a, b) => Math.abs(b.weight * b.h) - Math.abs(a.weight * a.h));
    const shown = terms.slice(0, terms.length > 6 ? 5 : 6);
    const rest = terms.slice(shown.length).reduce((sum, each) => sum + each.weight * each.h, 0);
    const bracket = (each) => (each < 0 ? `(${number(each)})` : number(each));
    const text = shown.map((each) => `${number(each.weight)} \u00d7 ${bracket(each.h)}`).join(" + ") + (terms.length > shown.length ? ` + ${bracket(rest)}` : "");
    return [
      el("div", { class: "worked", id: "state-worked" }, el("p", { class: "substituted" }, `= ${text}`), el("p", { class: "result" }, `= ${number(value)}`)),
      el("p", { class: "note" }, t("made-of"), " ", ...shown.flatMap((each, k) => [k ? ", " : "", mathNode("h_j"), " ", tokenNode(DATA.source.tokens[each.k])]),
        terms.length > shown.length ? "; " + t("and-rest", { count: terms.length - shown.length, value: number(rest) }) : ""),
    ];
  },

  follow(from) {
    if (!this.heat) return;
    const group = this.groups()[this.group];
    const ours = group.part === "decoder" || group.part === "outputs";
    this.heat.setMark(ours ? State.step : null);
    if (!ours || from === "states" || from === "build") return;
    this.cell = [State.step, this.cell[1]];
    this.heat.pick(...this.cell, { quiet: true });
    this.retell();
  },
};
