// Learning curves: lines over steps, read by pointing or by arrow keys.
import { count, duration, el, fixed, svg } from "./dom.js";
import { t } from "./texts.js";

const HEIGHT = 250, LEFT = 46, RIGHT = 84, TOP = 12, BOTTOM = 28;

// ``WIDTH``: in pixels, so that letters keep their size. {title, lines: [{name, points: [{step, seconds, value}], dots}]}; at most two lines.
function chart({ title, lines }, WIDTH) {
  const drawn = lines.filter((line) => line.points.length);
  const all = drawn.flatMap((line) => line.points);
  if (!all.length) return el("p", { class: "note" }, t("no-curves"));
  const last = Math.max(...all.map((point) => point.step), 1);
  const [low, high, marks] = scale(Math.min(...all.map((point) => point.value)), Math.max(...all.map((point) => point.value)));
  const x = (step) => LEFT + (step / last) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, tabindex: "0", role: "img",
    "aria-label": t("chart-label", { title, first: count(Math.min(...all.map((point) => point.step))), last: count(last) }) });
  for (const mark of marks) {
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark) }),
      svg("text", { x: LEFT - 8, y: y(mark) + 4, "text-anchor": "end" }, String(+mark.toFixed(6))));
  }
  for (const mark of scale(0, last, WIDTH < 420 ? 3 : 4)[2].filter((each) => each <= last)) {
    picture.append(svg("text", { x: x(mark), y: HEIGHT - 8, "text-anchor": mark ? "middle" : "start" }, count(mark)));
  }
  const ends = spread(drawn.map((line) => y(line.points.at(-1).value)));
  drawn.forEach((line, k) => {
    const kind = lines.indexOf(line) ? "two" : "one";
    picture.append(svg("path", { class: `line ${kind}`, d: line.points.map((point, at) => `${at ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point.value).toFixed(1)}`).join("") }));
    if (line.dots) for (const point of line.points) picture.append(svg("circle", { class: `dot ${kind}`, cx: x(point.step), cy: y(point.value), r: 2.6 }));
    picture.append(svg("text", { class: kind, x: x(line.points.at(-1).step) + 8, y: ends[k] + 4 }, line.name));
  });
  picture.append(cursor);
  const reading = el("p", { class: "reading", "aria-live": "polite" }, t("chart-hint"));
  const steps = [...new Set((drawn.find((line) => line.dots) ?? drawn[0]).points.map((point) => point.step))];
  let at = steps.length;
  const readAt = (index) => {
    at = Math.max(0, Math.min(steps.length - 1, index));
    const step = steps[at];
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", x(step));
    cursor.setAttribute("x2", x(step));
    const near = drawn.map((line) => line.points.reduce((best, point) => (Math.abs(point.step - step) < Math.abs(best.step - step) ? point : best)));
    const list = drawn.map((line, k) => `${line.name} ${fixed(near[k].value, near[k].value < 20 ? 3 : 1)}`).join(", ");
    reading.textContent = t("chart-at", { step: count(step), time: duration(near[0].seconds), list });
  };
  const point = (event) => {
    const box = picture.getBoundingClientRect();
    const step = (((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT) * last;
    readAt(steps.reduce((best, each, k) => (Math.abs(each - step) < Math.abs(steps[best] - step) ? k : best), 0));
  };
  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerdown", point);
  picture.addEventListener("keydown", (event) => {
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    readAt(next);
  });
  return el("div", {}, el("h3", {}, title), picture, reading);
}

// Round numbers around a range: [low, high, marks].
function scale(least, most, wanted = 5) {
  if (most <= least) { least -= 0.5; most += 0.5; }
  const rough = (most - least) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const low = Math.floor(least / step) * step, high = Math.ceil(most / step) * step;
  return [low, high, Array.from({ length: Math.round((high - low) / step) + 1 }, (_, k) => low + k * step)];
}

// Labels at the ends of lines, moved apart where they would cover one another.
function spread(places) {
  if (places.length === 2 && Math.abs(places[0] - places[1]) < 15) {
    const middle = (places[0] + places[1]) / 2, sign = places[0] <= places[1] ? -1 : 1;
    return [middle + sign * 7.5, middle - sign * 7.5];
  }
  return places;
}

export function drawCurves(box, metrics) {
  const trained = metrics.filter((line) => line.kind === "train");
  const validated = metrics.filter((line) => line.kind === "validation");
  const points = (lines, name) => lines.filter((line) => Number.isFinite(line[name])).map((line) => ({ step: line.step, seconds: line.seconds ?? secondsAt(trained, line.step), value: line[name] }));
  const charts = [
    { title: t("loss"), lines: [{ name: t("line-train"), points: points(trained, "loss") }, { name: t("line-valid"), points: points(validated, "loss"), dots: true }] },
    { title: t("quality"), lines: [{ name: "BLEU", points: points(validated, "bleu"), dots: true }, { name: "chrF", points: points(validated, "chrf"), dots: true }] },
  ];
  const open = box.querySelector("details")?.open ?? false;
  const gap = 40, least = 416;
  const room = box.clientWidth || 560;
  const width = room >= 2 * least + gap ? Math.floor((room - gap) / 2) : room;
  box.replaceChildren(...charts.map((each) => chart(each, width)), ...(validated.length ? [table(validated, trained, open)] : []));
}

const secondsAt = (trained, step) => (trained.findLast((line) => line.step <= step) ?? trained[0])?.seconds ?? 0;
export { secondsAt };

function table(validated, trained, open) {
  const names = ["loss", "bleu", "chrf", "exact_match", "perplexity", "token_accuracy"].filter((name) => validated.some((line) => name in line));
  return el("details", { open }, el("summary", {}, t("curves-table")), el("div", { class: "scroll tall", tabindex: "0" }, el("table", {},
    el("thead", {}, el("tr", {}, ...[t("step"), t("time"), ...names.map((name) => t(`m-${name}`)), t("best")].map((name) => el("th", { scope: "col", class: "number" }, name)))),
    el("tbody", {}, ...validated.map((line) => el("tr", {}, el("th", { scope: "row", class: "number" }, count(line.step)), el("td", { class: "number" }, duration(secondsAt(trained, line.step))),
      ...names.map((name) => el("td", { class: "number" }, fixed(line[name], 2))), el("td", { class: "number" }, line.best ? t("yes") : "")))))));
}
