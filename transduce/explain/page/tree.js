// The search as a tree: a column a step, what was kept on top, what ended and what was dropped below.
// Only the columns in view are drawn.
const NODE = { width: 112, gap: 34, height: 24, row: 31, top: 26, left: 12 };

const Tree = {
  zoom: 1,
  dropped: true,
  at: null,

  build() {
    const note = document.getElementById("beam-note");
    const box = document.getElementById("beam");
    box.replaceChildren();
    if (!DATA.beam || !DATA.beam.length) {
      note.replaceChildren(...this.parting());
      return;
    }
    this.read();
    const told = [DATA.beam_width > 1 ? t("beam-note", { beam: DATA.beam_width }) : t("beam-greedy")];
    if (DATA.beam[DATA.beam.length - 1].settled) told.push(t("beam-settled"));
    note.textContent = told.join(" ");
    this.drawing = svg("svg", { "aria-hidden": "true" });
    this.box = el("div", { class: "tree", tabindex: "0", role: "application", "aria-label": t("beam-label"),
      onkeydown: (event) => this.key(event) }, this.drawing);
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.told = el("p", { class: "reading", id: "beam-told", "aria-live": "polite" });
    const table = el("details", { ontoggle: () => { if (table.open && table.children.length === 1) table.append(this.table()); } },
      el("summary", {}, t("beam-table")));
    box.append(this.keys(), this.box, this.told, table);
    this.place();
    if (this.at) this.tell(this.at);
  },

  // Why not this one: where a given translation leaves the model's own, and how long the search had it.
  parting() {
    const told = [t("beam-forced")];
    const parting = DATA.parting;
    if (!parting) return [...told, " ", t(DATA.forced ? "parting-same" : "beam-greedy")];
    const given = DATA.steps[parting.step - 1];
    if (parting.token && given) {
      told.push(" ", ...parts("parting-step", { step: parting.step, own: tokenNode(parting.token), p: share(parting.probability),
        given: tokenNode(given.chosen), q: share(given.probability) }));
    }
    told.push(" ", t(parting.completed ? "parting-completed" : "parting-followed", { followed: parting.followed, count: DATA.steps.length }));
    return told;
  },

  read() {
    if (this.nodes) return;
    this.nodes = new Map();
    this.columns = DATA.beam.map((step, index) => ["kept", "ended", "dropped"].flatMap((fate) =>
      step[fate].map((each) => {
        const node = { ...each, fate, column: index, step: step.number, children: [] };
        this.nodes.set(each.id, node);
        return node;
      })));
    for (const node of this.nodes.values()) this.nodes.get(node.parent)?.children.push(node);
    const wanted = DATA.target.tokens.map((token) => token.id);
    const same = (node) => {
      const ids = this.line(node).map((each) => each.token.id);
      return ids.length === wanted.length && ids.every((id, k) => id === wanted[k]);
    };
    const winner = [...this.nodes.values()].find((node) => node.column === wanted.length - 1 && node.fate !== "dropped" && same(node));
    this.path = new Set(winner ? this.line(winner) : []);
  },

  // From the first token to this one.
  line(node) {
    const line = [];
    for (let each = node; each; each = this.nodes.get(each.parent)) line.unshift(each);
    return line;
  },

  keys() {
    const sign = (name) => el("span", {}, el("i", { class: "k-" + name, "aria-hidden": "true" }), t("key-" + name));
    const check = el("input", { type: "checkbox", id: "beam-dropped", onchange: () => { this.dropped = check.checked; this.place(); } });
    check.checked = this.dropped;
    const button = (name, text, factor) => el("button", { type: "button", class: "icon", "aria-label": t(name), "data-zoom": name,
      onclick: () => { this.zoom = Math.max(0.5, Math.min(1.75, this.zoom * factor)); this.place(); } }, text);
    return el("div", { class: "keys" }, sign("path"), sign("kept"), sign("ended"), sign("dropped"),
      el("label", {}, check, " ", t("show-dropped")),
      el("span", { class: "zoom" }, button("zoom-out", "\u2212", 0.8), button("zoom-in", "+", 1.25)));
  },

  place() {
    let tall = 0;
    for (const column of this.columns) {
      let row = 0;
      for (const node of column) {
        node.shown = this.dropped || node.fate !== "dropped";
        if (!node.shown) continue;
        node.x = NODE.left + node.column * (NODE.width + NODE.gap);
        node.y = NODE.top + row++ * NODE.row;
      }
      tall = Math.max(tall, row);
    }
    const [width, height] = [NODE.left * 2 + this.columns.length * (NODE.width + NODE.gap) - NODE.gap, NODE.top + tall * NODE.row + 6];
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.drawing.setAttribute("width", width * this.zoom);
    this.drawing.setAttribute("height", height * this.zoom);
    this.height = height;
    this.draw(true);
  },

  draw(force = false) {
    if (!this.box?.isConnected) return;
    const wide = (NODE.width + NODE.gap) * this.zoom;
    const first = Math.max(0, Math.floor(this.box.scrollLeft / wide) - 1);
    const last = Math.min(this.columns.length - 1, Math.ceil((this.box.scrollLeft + this.box.clientWidth) / wide) + 1);
    const key = `${first} ${last} ${State.step}`;
    if (!force && key === this.drawnKey) return;
    this.drawnKey = key;
    const [back, edges, nodes, steps] = [svg("g"), svg("g"), svg("g"), svg("g", { class: "steps" })];
    for (let index = first; index <= last; index++) {
      const x = NODE.left + index * (NODE.width + NODE.gap);
      if (index === State.step) back.append(svg("rect", { class: "now", x: x - 8, y: 0, width: NODE.width + 16, height: this.height }));
      steps.append(svg("text", { x: x + 2, y: 16 }, String(this.columns[index] && DATA.beam[index].number)));
      for (const node of this.columns[index]) {
        if (!node.shown) continue;
        const parent = this.nodes.get(node.parent);
        if (parent?.shown) edges.append(this.edge(parent, node));
        nodes.append(this.draught(node));
      }
    }
    this.drawing.replaceChildren(back, edges, nodes, steps);
  },

  classes(node, kind) {
    return [kind, node.fate, this.path.has(node) ? "path" : "", node === this.at ? "at" : ""].filter(Boolean).join(" ");
  },

  edge(from, to) {
    const [x, y, u, v] = [from.x + NODE.width, from.y + NODE.height / 2, to.x, to.y + NODE.height / 2];
    const middle = (x + u) / 2;
    return svg("path", { class: this.classes(to, "edge"), d: `M${x} ${y}C${middle} ${y} ${middle} ${v} ${u} ${v}` });
  },

  draught(node) {
    const signs = [...readable(node.token).replace(/^ +/, "")];
    const wide = (sign) => (CJK.test(sign) ? 1.9 : 1);
    let room = 11;
    const kept = signs.filter((sign) => (room -= wide(sign)) >= 0);
    const text = kept.join("") + (kept.length < signs.length ? "\u2026" : "") || "\u2423";
    const group = svg("g", { class: this.classes(node, "node"), "data-id": node.id },
      svg("rect", { x: node.x, y: node.y, width: NODE.width, height: NODE.height, rx: node.fate === "ended" ? 0 : 5 }),
      svg("text", { x: node.x + 8, y: node.y + 16.5, direction: "ltr" }, "\u2068" + text + "\u2069"));
    group.addEventListener("pointerenter", () => this.tell(node));
    group.addEventListener("pointerleave", () => this.tell(this.at));
    group.addEventListener("click", () => this.choose(node));
    return group;
  },

  tell(node) {
    if (!node) { this.told.replaceChildren(); return; }
    const text = textOf(this.line(node).map((each) => each.token)).trim();
    this.told.replaceChildren(...parts("node-" + node.fate, { step: node.step, token: tokenNode(node.token), text: el("bdi", {}, text || t("empty")),
      log_prob: fixed(node.log_prob, 3), total: fixed(node.total, 3), score: fixed(node.score, 3) }));
  },

  choose(node) {
    this.at = node;
    this.tell(node);
    if (node.column < DATA.steps.length) setStep(node.column, { from: "tree" });
    this.draw(true);
    this.show(node);
  },

  show(node) {
    const [x, y, wide, tall] = [node.x, node.y, NODE.width, NODE.height].map((each) => each * this.zoom);
    if (x < this.box.scrollLeft) this.box.scrollLeft = x - 12;
    if (x + wide > this.box.scrollLeft + this.box.clientWidth) this.box.scrollLeft = x + wide + 12 - this.box.clientWidth;
    if (y < this.box.scrollTop) this.box.scrollTop = y - 26;
    if (y + tall > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = y + tall + 6 - this.box.clientHeight;
  },

  // Left to the parent, right to the likeliest child, up and down within the step.
  key(event) {
    const at = this.at;
    const column = at && this.columns[at.column].filter((node) => node.shown);
    const place = column?.indexOf(at);
    const moves = {
      ArrowLeft: () => this.nodes.get(at.parent),
      ArrowRight: () => at.children.find((node) => this.path.has(node)) ?? at.children.find((node) => node.shown),
      ArrowUp: () => column[place - 1],
      ArrowDown: () => column[place + 1],
      Enter: () => at,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = at ? moves[event.key]() : [...this.path][State.step] ?? this.columns[0][0];
    if (next) this.choose(next);
  },

  follow(from) {
    if (!this.columns) return;
    const node = [...this.path][State.step];
    if (from !== "tree" && node) {
      this.at = null;
      this.tell(null);
      this.show(node);
    }
    this.draw();
  },

  table() {
    const cell = (nodes) => el("td", {}, ...nodes.flatMap((node, k) => [k ? ", " : "", tokenNode(node.token), `\u00a0${fixed(node.score ?? node.total, 2)}`]));
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("beam-table") }, el("table", {},
      el("thead", {}, el("tr", {}, ...["step", "kept", "ended", "dropped"].map((key) => el("th", { scope: "col" }, t(key))))),
      el("tbody", {}, ...DATA.beam.map((step) => el("tr", {}, el("th", { scope: "row" }, String(step.number)),
        ...["kept", "ended", "dropped"].map((fate) => cell(step[fate].map((each) => each))))))));
  },
};
