// Heat maps on a canvas that draws only what is in view, and the colors they share: from orange over the
// paper's own gray to blue, which the common kinds of color blindness tell apart.
const RAMPS = {
  light: { zero: [243, 244, 246], up: [[158, 202, 225], [49, 130, 189], [8, 48, 107]], down: [[253, 196, 140], [226, 110, 30], [122, 40, 5]] },
  dark: { zero: [38, 43, 50], up: [[38, 84, 134], [74, 144, 217], [196, 225, 255]], down: [[118, 62, 22], [214, 118, 52], [255, 216, 176]] },
};
const night = matchMedia("(prefers-color-scheme: dark)");

function ramp(share) {
  const { zero, up, down } = RAMPS[night.matches ? "dark" : "light"];
  const stops = [zero, ...(share < 0 ? down : up)];
  const place = Math.min(1, Math.abs(share)) * 3;
  const first = Math.min(2, Math.floor(place));
  const mix = stops[first].map((low, k) => Math.round(low + (stops[first + 1][k] - low) * (place - first)));
  return `rgb(${mix.join(",")})`;
}
const tables = {};
function color(share) {
  const theme = night.matches ? "dark" : "light";
  tables[theme] ??= Array.from({ length: 401 }, (_, k) => ramp((k - 200) / 200));
  return tables[theme][Math.max(0, Math.min(400, Math.round(share * 200) + 200))];
}

// How values become shares of the ramp. A range from 0 up uses its blue half only.
function scaleOf(low, high, most) {
  if (low === 0) return { low: 0, high: high ?? most, share: (value) => value / (high ?? most) };
  const end = low !== null && low !== undefined && high !== null && high !== undefined ? Math.max(-low, high) : most;
  return { low: -end, high: end, share: (value) => value / end };
}

function prepare(canvas, width, height) {
  const dots = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * dots));
  canvas.height = Math.max(1, Math.round(height * dots));
  const pen = canvas.getContext("2d");
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  return pen;
}

function legend(scale) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const pen = prepare(canvas, 144, 10);
  for (let x = 0; x < 144; x++) {
    pen.fillStyle = color(scale.share(scale.low + ((scale.high - scale.low) * x) / 143));
    pen.fillRect(x, 0, 1, 10);
  }
  return el("div", { class: "legend" }, el("span", {}, number(scale.low, 3)), canvas, el("span", {}, number(scale.high, 3)));
}

// A row of numbers as one strip.
function strip(values, scale, label) {
  const canvas = el("canvas", { role: "img", "aria-label": label });
  const pen = prepare(canvas, values.length, 1);
  pen.setTransform(canvas.width / values.length, 0, 0, canvas.height, 0, 0);
  values.forEach((value, k) => {
    pen.fillStyle = color(scale.share(value));
    pen.fillRect(k, 0, 1.02, 1);
  });
  return canvas;
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

class Heat {
  // rows, cols, at(row, col); rowLabel(row), colLabel(col) or null for unit numbers; scale; label for screen
  // readers; least: the smallest width of a cell; onPick(row, col); describe(row, col): nodes for the line below.
  constructor(options) {
    Object.assign(this, { least: 3, most: 64, rowHeight: 20 }, options);
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.space = el("div", {}, this.canvas);
    this.box = el("div", { class: "heat", tabindex: "0", role: "application", "aria-label": this.label }, this.space);
    this.reading = el("p", { class: "reading" });
    this.node = el("div", {}, this.box, this.reading);
    this.cell = null;
    this.mark = null;
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("pointermove", (event) => this.hover(event));
    this.box.addEventListener("pointerleave", () => this.read(this.cell));
    this.box.addEventListener("click", (event) => { const cell = this.cellAt(event); if (cell) this.pick(...cell); });
    // Spoken only while one moves in the map itself, not when the step moves it.
    this.box.addEventListener("focus", () => this.reading.setAttribute("aria-live", "polite"));
    this.box.addEventListener("blur", () => this.reading.removeAttribute("aria-live"));
    this.box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.layout()).observe(this.box);
  }
  layout() {
    const pen = this.canvas.getContext("2d");
    pen.font = FONT;
    const width = this.box.clientWidth;
    if (!width) return;
    const widest = (count, label) => {
      let most = 0;
      for (let k = 0; k < count; k++) most = Math.max(most, pen.measureText(label(k)).width);
      return most;
    };
    this.left = Math.min(widest(this.rows, this.rowLabel), width < 480 ? 84 : 150) * 1.08 + 22;
    const tall = this.colLabel ? Math.min(widest(this.cols, this.colLabel), 130) : 0;
    this.top = this.colLabel ? tall * 0.82 + 14 : 18;
    this.right = this.colLabel ? tall * 0.57 + 4 : 2;
    const each = (width - this.left - this.right) / this.cols;
    this.cellWidth = Math.min(this.most, Math.max(this.least, each));
    this.width = this.left + this.cellWidth * this.cols + this.right;
    this.height = this.top + this.rowHeight * this.rows + 2;
    this.space.style.width = Math.max(1, this.width - 0.01) + "px";
    this.space.style.height = this.height + "px";
    this.view = [width, Math.min(this.height, parseFloat(getComputedStyle(this.box).maxHeight) || this.height)];
    this.canvas.style.width = this.view[0] + "px";
    this.canvas.style.height = this.view[1] + "px";
    this.draw();
  }
  draw() {
    if (!this.view || !this.box.isConnected) return;
    const [width, height] = this.view;
    const pen = prepare(this.canvas, width, height);
    const ink = getComputedStyle(this.box).color;
    const [x0, y0] = [this.left - this.box.scrollLeft, this.top - this.box.scrollTop];
    const firstCol = Math.max(0, Math.floor((this.left - x0) / this.cellWidth));
    const lastCol = Math.min(this.cols, Math.ceil((width - x0) / this.cellWidth));
    const firstRow = Math.max(0, Math.floor((this.top - y0) / this.rowHeight));
    const lastRow = Math.min(this.rows, Math.ceil((height - y0) / this.rowHeight));
    pen.font = FONT;
    pen.save();
    pen.beginPath();
    pen.rect(this.left, this.top, width - this.left, height - this.top);
    pen.clip();
    const gap = this.cellWidth > 8 ? 1 : 0;
    for (let row = firstRow; row < lastRow; row++) {
      const y = Math.round(y0 + row * this.rowHeight);
      for (let col = firstCol; col < lastCol; col++) {
        const x = Math.round(x0 + col * this.cellWidth);
        pen.fillStyle = color(this.scale.share(this.at(row, col)));
        pen.fillRect(x, y, Math.round(x0 + (col + 1) * this.cellWidth) - x - gap, this.rowHeight - 1);
      }
    }
    if (this.cell) {
      const [row, col] = this.cell;
      pen.strokeStyle = ink;
      pen.lineWidth = 2;
      const wide = Math.max(this.cellWidth, 5);
      pen.strokeRect(x0 + (col + 0.5) * this.cellWidth - wide / 2 - 1, y0 + row * this.rowHeight - 1, wide + 1, this.rowHeight + 1);
    }
    pen.restore();
    pen.fillStyle = ink;
    pen.textBaseline = "middle";
    this.drawRowLabels(pen, firstRow, lastRow, y0);
    this.drawColLabels(pen, firstCol, lastCol, x0);
  }
  drawRowLabels(pen, first, last, y0) {
    pen.save();
    pen.beginPath();
    pen.rect(0, this.top, this.left - 2, this.view[1]);
    pen.clip();
    pen.textAlign = "right";
    for (let row = first; row < last; row++) {
      const y = y0 + (row + 0.5) * this.rowHeight;
      pen.font = row === this.mark ? "bold " + FONT : FONT;
      pen.fillText(this.fitted(pen, this.rowLabel(row), this.left - 20), this.left - 8, y);
      if (row === this.mark) pen.fillRect(this.left - 4, y - this.rowHeight / 2, 2, this.rowHeight - 1);
    }
    pen.restore();
  }
  drawColLabels(pen, first, last, x0) {
    pen.save();
    pen.beginPath();
    pen.rect(this.left - 4, 0, this.view[0], this.top);
    pen.clip();
    const every = this.colLabel ? Math.ceil(13 / this.cellWidth) : [8, 16, 32, 64, 128, 256, 512].find((n) => n * this.cellWidth >= 34) ?? 1024;
    for (let col = Math.ceil(first / every) * every; col < last; col += every) {
      const x = x0 + (col + 0.5) * this.cellWidth;
      if (this.colLabel) {
        pen.save();
        pen.translate(x + 2, this.top - 6);
        pen.rotate(-0.96);
        pen.textAlign = "left";
        pen.fillText(this.fitted(pen, this.colLabel(col), 130), 0, 0);
        pen.restore();
      } else {
        pen.textAlign = col ? "center" : "left";
        pen.fillText(String(col), col ? x : x - this.cellWidth / 2, 8);
      }
    }
    pen.restore();
  }
  fitted(pen, text, width) {
    if (pen.measureText(text).width <= width) return text;
    const signs = [...text];
    while (signs.length > 1 && pen.measureText(signs.join("") + "\u2026").width > width) signs.pop();
    return signs.join("") + "\u2026";
  }
  cellAt(event) {
    const box = this.box.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (x < this.left || y < this.top) return null;
    const col = Math.floor((x - this.left + this.box.scrollLeft) / this.cellWidth);
    const row = Math.floor((y - this.top + this.box.scrollTop) / this.rowHeight);
    return row >= 0 && row < this.rows && col >= 0 && col < this.cols ? [row, col] : null;
  }
  hover(event) {
    this.read(this.cellAt(event) ?? this.cell);
  }
  read(cell) {
    const key = cell ? cell.join() : "";
    if (key === this.readKey) return;
    this.readKey = key;
    this.reading.replaceChildren(...(cell ? this.describe(...cell) : []));
  }
  pick(row, col, { quiet = false } = {}) {
    this.cell = [row, col];
    this.read(this.cell);
    this.show(row, col);
    this.draw();
    if (!quiet) this.onPick?.(row, col);
  }
  show(row, col) {
    if (!this.view) return;
    const [x, y] = [col * this.cellWidth, row * this.rowHeight];
    const [wide, tall] = [this.view[0] - this.left - this.right, this.view[1] - this.top];
    if (x < this.box.scrollLeft) this.box.scrollLeft = x;
    if (x + this.cellWidth > this.box.scrollLeft + wide) this.box.scrollLeft = x + this.cellWidth - wide;
    if (y < this.box.scrollTop) this.box.scrollTop = y;
    if (y + this.rowHeight > this.box.scrollTop + tall) this.box.scrollTop = y + this.rowHeight - tall;
  }
  key(event) {
    const [row, col] = this.cell ?? [0, 0];
    const moves = {
      ArrowUp: [row - 1, col], ArrowDown: [row + 1, col], ArrowLeft: [row, col - 1], ArrowRight: [row, col + 1],
      PageUp: [row - 10, col], PageDown: [row + 10, col], Home: [row, 0], End: [row, this.cols - 1], Enter: [row, col], " ": [row, col],
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.pick(Math.max(0, Math.min(this.rows - 1, move[0])), Math.max(0, Math.min(this.cols - 1, move[1])));
  }
  setMark(row) {
    this.mark = row;
    this.draw();
  }
}
