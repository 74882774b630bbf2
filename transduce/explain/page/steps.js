// One step of the output: what was fed, the likeliest tokens, attention, and the vectors in between.
const Steps = {
  timer: null,

  build() {
    const slider = document.getElementById("step");
    slider.max = String(DATA.steps.length);
    slider.addEventListener("input", () => setStep(Number(slider.value) - 1));
    document.getElementById("back").addEventListener("click", () => setStep(State.step - 1));
    document.getElementById("next").addEventListener("click", () => setStep(State.step + 1));
    document.getElementById("play").addEventListener("click", () => this.play(this.timer === null));
    document.addEventListener("keydown", (event) => {
      if (event.target !== document.body && event.target.id !== "main") return;
      if (event.key === "ArrowRight") setStep(State.step + 1);
      if (event.key === "ArrowLeft") setStep(State.step - 1);
    });
  },

  play(on) {
    clearInterval(this.timer);
    this.timer = null;
    if (on) {
      if (State.step === DATA.steps.length - 1) setStep(0);
      this.timer = setInterval(() => {
        if (State.step >= DATA.steps.length - 1) this.play(false);
        else setStep(State.step + 1);
      }, 1200);
    }
    const button = document.getElementById("play");
    button.textContent = on ? "\u23F8\uFE0E" : "\u25B6\uFE0E";
    button.dataset.tLabel = on ? "pause" : "play";
    button.setAttribute("aria-label", t(button.dataset.tLabel));
  },

  show() {
    const step = DATA.steps[State.step];
    const count = DATA.steps.length;
    const slider = document.getElementById("step");
    slider.value = String(State.step + 1);
    slider.setAttribute("aria-valuetext", t("step-value", { number: step.number, count }));
    document.getElementById("back").disabled = State.step === 0;
    document.getElementById("next").disabled = State.step === count - 1;
    document.getElementById("now").replaceChildren(...parts(DATA.forced ? "now-rank" : "now", { number: step.number, count,
      fed: tokenNode(step.fed), chosen: tokenNode(step.chosen), p: share(step.probability), rank: step.rank }));
    this.candidates(step);
    this.looks();
    this.vectors();
  },

  candidates(step) {
    const rows = step.candidates.map((each, k) => ({ ...each, rank: k + 1 }));
    if (!rows.some((each) => each.id === step.chosen.id)) {
      rows.push({ ...step.chosen, probability: step.probability, rank: step.rank });
    }
    document.getElementById("candidates").replaceChildren(...rows.map((each) => {
      const won = each.id === step.chosen.id;
      const meter = el("span", { class: "meter", "aria-hidden": "true" });
      meter.style.width = `${Math.max(0, each.probability) * 100}%`;
      const name = el("th", { scope: "row" }, tokenNode(each, { exact: true }));
      if (won) name.append(el("span", { class: "quiet" }, ` (${t("chosen")})`));
      return el("tr", won ? { class: "won" } : {}, el("td", { class: "number" }, String(each.rank)), name,
        el("td", { class: "number" }, share(each.probability)), el("td", {}, meter));
    }));
  },

  looks() {
    const box = document.getElementById("looks");
    const weights = DATA.attention.length ? matrix(DATA.attention[State.map].weights).row(State.step) : null;
    box.replaceChildren();
    if (!weights) return;
    const list = el("ul", { class: "looks", "aria-label": t("looks-title"), tabindex: DATA.source.tokens.length > 40 ? "0" : null });
    DATA.source.tokens.forEach((token, k) => {
      const column = el("span", { class: "column", "aria-hidden": "true" });
      column.style.height = `${weights[k] * 100}%`;
      list.append(el("li", {}, column, tokenNode(token), el("span", { class: "weight" }, fixed(weights[k], 2))));
    });
    box.append(el("h3", {}, t("looks-title")), list);
  },

  vectors() {
    const top = DATA.decoder[DATA.decoder.length - 1];
    const rows = [];
    if (top) {
      const state = top.quantities.find((each) => each.name === "s") ?? top.quantities[top.quantities.length - 1];
      if (state && top.values[state.name]) rows.push([state, top.values[state.name]]);
    }
    for (const quantity of DATA.output_quantities) if (DATA.outputs[quantity.name]) rows.push([quantity, DATA.outputs[quantity.name]]);
    document.getElementById("vectors").replaceChildren(...rows.map(([quantity, packed]) => {
      const values = matrix(packed);
      const row = values.row(State.step);
      const label = t("strip-label", { title: titleOf(quantity), width: row.length, low: number(Math.min(...row), 3), high: number(Math.max(...row), 3) });
      return el("div", { class: "strip" },
        el("span", { class: "label" }, label), strip(row, scaleOf(quantity.low, quantity.high, values.most), label));
    }));
  },
};
