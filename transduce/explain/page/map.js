// Sentences as points of a plane. Units of both axes are equally long on the screen, so that distances are true.
const points = DATA.points;
let at = null;

function bounds() {
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const pad = 0.06 * Math.max(right - left, high - low, 1e-9);
  return { left: left - pad, low: low - pad, width: right - left + 2 * pad || 1, height: high - low + 2 * pad || 1 };
}

function draw() {
  const plane = document.getElementById("plane");
  const { left, low, width, height } = bounds();
  const wide = Math.max(300, plane.clientWidth || 1000);
  const tall = Math.max(240, Math.min(wide * 0.75, (wide * height) / width, 620));
  const unit = Math.min(wide / width, tall / height);
  const [x0, y0] = [(wide - width * unit) / 2, (tall - height * unit) / 2];
  const drawing = svg("svg", { viewBox: `0 0 ${wide} ${tall}`, "aria-hidden": "true" });
  const place = (x, y) => [x0 + (x - left) * unit, tall - y0 - (y - low) * unit];
  const [zeroX, zeroY] = place(0, 0);
  drawing.append(svg("line", { class: "axis", x1: 0, x2: wide, y1: zeroY, y2: zeroY }), svg("line", { class: "axis", x1: zeroX, x2: zeroX, y1: 0, y2: tall }));
  DATA.variance.slice(0, 2).forEach((value, k) => drawing.append(svg("text", k
    ? { class: "axis-name", y: 16, ...(zeroX < wide / 2 ? { x: zeroX + 6 } : { x: zeroX - 6, "text-anchor": "end" }) } : { class: "axis-name", x: wide - 8, y: zeroY - 6, "text-anchor": "end" },
  t("map-axis", { number: k + 1, share: share(value) }))));
  const dots = points.map((point, k) => {
    const [x, y] = place(point.x, point.y);
    point.at = [x, y];
    const dot = svg("circle", { cx: x, cy: y, r: points.length > 400 ? 3.5 : 6, "data-index": k });
    dot.addEventListener("pointerenter", () => show(k));
    dot.addEventListener("click", () => show(k));
    return dot;
  });
  drawing.append(...dots);
  if (document.getElementById("names").checked) names(drawing, wide, tall);
  plane.replaceChildren(drawing);
  if (at !== null) show(at);
}

// Sentences are written where they cover no other, the others wait to be pointed at.
function names(drawing, wide, tall) {
  const taken = points.map(({ at: [x, y] }) => [x - 6, y - 6, x + 6, y + 6]);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "13px system-ui, sans-serif";
  for (const point of points) {
    const text = [...point.text].length > 48 ? [...point.text].slice(0, 47).join("") + "\u2026" : point.text;
    const size = pen.measureText(text).width * 1.08 + 4;
    const [x, y] = point.at;
    const spots = [[x + 10, y - 8], [x - 10 - size, y - 8], [x - size / 2, y - 26], [x - size / 2, y + 8]];
    const spot = spots.find(([u, v]) => u >= 2 && u + size <= wide - 2 && v >= 2 && v + 18 <= tall
      && taken.every((box) => u + size < box[0] || u > box[2] || v + 17 < box[1] || v > box[3]));
    if (!spot) continue;
    taken.push([spot[0], spot[1], spot[0] + size, spot[1] + 17]);
    drawing.append(svg("text", { x: spot[0], y: spot[1] + 13 }, "\u2068" + text + "\u2069"));
  }
}

function show(k) {
  at = k;
  for (const dot of document.querySelectorAll("circle.at")) dot.classList.remove("at");
  document.querySelector(`circle[data-index="${k}"]`)?.classList.add("at");
  document.getElementById("found").textContent = points[k].text;
}

// Left and right go through the points by their place across, up and down by their height: each is reached.
function move(event) {
  const [axis, way] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, -1], ArrowDown: [1, 1] }[event.key] ?? [];
  if (axis === undefined) return;
  event.preventDefault();
  if (at === null) { show(0); return; }
  const order = points.map((_, k) => k).sort((a, b) => points[a].at[axis] - points[b].at[axis] || a - b);
  const next = order[order.indexOf(at) + way];
  if (next !== undefined) show(next);
}

function build() {
  translateStatic();
  document.getElementById("about-run").textContent = DATA.run;
  document.getElementById("about-model").textContent = DATA.model;
  document.getElementById("map-note").textContent = t("map-note", { count: points.length, width: DATA.width,
    first: share(DATA.variance[0] ?? 0), second: share(DATA.variance[1] ?? 0) });
  if (at === null) document.getElementById("found").textContent = t("map-hint");
  const rows = el("details", {}, el("summary", {}, t("map-table")), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("map-table") },
    el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("sentence")), el("th", { scope: "col", class: "number" }, "1"), el("th", { scope: "col", class: "number" }, "2"))),
      el("tbody", {}, ...points.map((point) => el("tr", {}, el("th", { scope: "row" }, el("bdi", {}, point.text)),
        el("td", { class: "number" }, number(point.x)), el("td", { class: "number" }, number(point.y))))))));
  document.getElementById("table").replaceChildren(rows);
  draw();
}

document.getElementById("plane").addEventListener("keydown", move);
document.getElementById("names").checked = points.length <= 60;
document.getElementById("names").addEventListener("change", draw);
new ResizeObserver(draw).observe(document.querySelector(".plane"));
for (const [id, code] of [["lang-en", "en"], ["lang-zh", "zh"]]) {
  document.getElementById(id).addEventListener("click", () => { language = code; build(); });
}
build();
