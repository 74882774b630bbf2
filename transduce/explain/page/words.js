// The two sentences: pointing at a word lights what it looks at, or what looks at it.
const Words = {
  source: { words: wordsOf(DATA.source.tokens), nodes: [] },
  target: { words: wordsOf(DATA.target.tokens), nodes: [] },
  pinned: null,

  // Weight of each source token for an output token: the chosen attention map, or the gradient's share.
  weightsOf(step) {
    const light = State.light;
    if (light === null) return null;
    if (light !== "gradient") return matrix(DATA.attention[light].weights).row(step);
    const row = matrix(DATA.gradient.weights).row(step).map(Math.abs);
    const sum = row.reduce((a, b) => a + b, 0) || 1;
    return row.map((value) => value / sum);
  },

  // Between words: the pieces of the source word count together, those of the output word on average.
  between(target, source) {
    let sum = 0;
    for (let step = target.first; step <= target.last; step++) {
      const row = this.weightsOf(step);
      for (let at = source.first; at <= source.last; at++) sum += row[at] ?? 0;
    }
    return sum / (target.last - target.first + 1);
  },

  build() {
    for (const side of ["source", "target"]) {
      const box = document.getElementById(side);
      const { words } = this[side];
      const nodes = words.map((word, index) => {
        const special = word.kind !== "word";
        const shown = word.text.trim() || (word.text ? "\u2423" : t("empty"));
        const button = el("button", { type: "button", class: special ? "end" : null, "data-index": index,
          onpointerenter: (event) => { if (event.pointerType !== "touch") this.light(side, index); },
          onpointerleave: (event) => { if (event.pointerType !== "touch") this.rest(); },
          onfocus: () => this.light(side, index),
          onblur: () => this.rest(),
          onclick: () => this.choose(side, index) }, readable({ kind: "word", text: shown }));
        return button;
      });
      this[side].nodes = nodes;
      box.replaceChildren();
      nodes.forEach((node, index) => box.append(index && (/^\s/.test(words[index].text) || /\s$/.test(words[index - 1].text) || words[index].kind !== "word") ? " " : "", node));
    }
    this.hint();
  },

  hint() {
    document.getElementById("lit").textContent = t(State.light === null ? "lit-none" : "lit-hint");
  },

  choose(side, index) {
    this.pinned = this.pinned && this.pinned[0] === side && this.pinned[1] === index ? null : [side, index];
    if (side === "target") setStep(this.target.words[index].first);
    this.light(side, index);
  },

  rest() {
    if (this.pinned) this.light(...this.pinned);
    else this.clear();
  },

  clear() {
    for (const side of ["source", "target"]) for (const node of this[side].nodes) this.glow(node, null);
    this.hint();
  },

  glow(node, weight) {
    node.classList.toggle("lit", weight !== null);
    node.style.setProperty("--w", weight === null ? "0" : String(Math.min(1, weight)));
    node.classList.remove("open", "strongest");
  },

  light(side, index) {
    if (State.light === null) return;
    const other = side === "source" ? "target" : "source";
    const here = this[side].words[index];
    const weights = this[other].words.map((word) => (side === "target" ? this.between(here, word) : this.between(word, here)));
    this[side].nodes.forEach((node) => this.glow(node, null));
    this[side].nodes[index].classList.add("open");
    // An output word's weights are shares of one; a source word's are not, and its greatest is drawn in full.
    const most = side === "target" ? 1 : Math.max(...weights, 1e-9);
    this[other].nodes.forEach((node, k) => this.glow(node, weights[k] / most));
    const order = weights.map((_, k) => k).sort((a, b) => weights[b] - weights[a]);
    if (order.length) this[other].nodes[order[0]].classList.add("strongest");
    const best = order.slice(0, 3).filter((k, place) => place === 0 || weights[k] >= 0.05);
    const list = el("span");
    best.forEach((k, place) => list.append(place ? ", " : "", el("bdi", {}, this.shown(other, k)), ` ${fixed(weights[k], 2)}`));
    const kind = `lit-${side}${State.light === "gradient" ? "-gradient" : ""}`;
    document.getElementById("lit").replaceChildren(...parts(kind, { word: el("bdi", {}, this.shown(side, index)), list }));
  },

  shown(side, index) {
    return this[side].nodes[index].textContent;
  },

  mark(step) {
    this.target.words.forEach((word, k) => {
      const on = step >= word.first && step <= word.last;
      this.target.nodes[k].classList.toggle("chosen", on);
      if (on) this.target.nodes[k].setAttribute("aria-current", "step");
      else this.target.nodes[k].removeAttribute("aria-current");
    });
  },
};
