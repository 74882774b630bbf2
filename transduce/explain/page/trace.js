// One trace on one page: the state that all parts share, and what redraws when it changes.
const State = { step: 0, light: DATA.attention.length ? 0 : DATA.gradient ? "gradient" : null, map: 0 };

function setStep(step, { from = "" } = {}) {
  const next = Math.max(0, Math.min(DATA.steps.length - 1, step));
  if (next === State.step && from !== "build") return;
  State.step = next;
  Steps.show();
  Words.mark(next);
  AttentionMap.follow(from);
  GradientMap.follow();
  States.follow(from);
  Tree.follow(from);
}

function buildLight() {
  const select = document.getElementById("light");
  const options = DATA.attention.map((map, k) => [k, DATA.attention.length === 1 ? t("light-attention") : t("light-head", { layer: map.layer + 1, head: map.head + 1 })]);
  if (DATA.gradient) options.push(["gradient", t("light-gradient")]);
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  document.getElementById("light-choice").hidden = options.length < 2;
  if (State.light !== null) select.value = String(State.light);
}

function build() {
  translateStatic();
  document.getElementById("about-run").textContent = DATA.run;
  document.getElementById("about-model").textContent = DATA.model;
  const target = document.getElementById("h-target");
  target.textContent = t(DATA.forced ? "target-forced" : "target");
  Words.build();
  buildLight();
  AttentionMap.build();
  Vector.build();
  GradientMap.build();
  States.build();
  Score.build();
  Tree.build();
  Steps.play(false);
  setStep(State.step, { from: "build" });
}

document.getElementById("light").addEventListener("change", (event) => {
  const value = event.target.value;
  State.light = value === "gradient" ? "gradient" : Number(value);
  if (value !== "gradient" && State.map !== State.light) {
    State.map = State.light;
    AttentionMap.build();
    Steps.show();
  }
  Words.pinned = null;
  Words.clear();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  Words.pinned = null;
  Words.clear();
});
for (const [id, code] of [["lang-en", "en"], ["lang-zh", "zh"]]) {
  document.getElementById(id).addEventListener("click", () => { language = code; build(); });
}
night.addEventListener("change", build);
Steps.build();
build();
