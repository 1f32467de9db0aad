// SPDX-License-Identifier: Apache-2.0
// Two plots on one time axis: the load, and the replicas. Above them a mark for each decision.
import { clock, colour, h, keyOf, kind, number, say } from "./format.js";

// Marks that are there at most: the newest, for more could not be told apart.
const MARKS = 80;
const SIGNS = { up: "▲", down: "▼", panic: "!", same: "=" };

// Columns of both plots, in the order of the data; `of` makes it from a row's figures.
const LOAD = [
  { label: "in flight", of: past => past.inFlight, colour: "--demand", fill: "--load-area" },
  { label: "stable average", of: past => past.stable, colour: "--stable", width: 2 },
  { label: "panic average", of: past => past.panic, colour: "--panic", width: 1.5 },
  { label: "capacity (ready × target)", of: past => past.ready.map((ready, index) => ready * past.target[index]), colour: "--capacity", dash: [6, 4] },
  { label: "held", of: past => past.held, colour: "--held", dash: [2, 3] },
  { label: "target each", of: past => past.target, colour: "--draining", dash: [1, 3] },
];
const REPLICAS = [
  { label: "draining", of: past => sum(past.ready, past.starting, past.draining), figure: past => past.draining, colour: "--draining", fill: "--draining-area" },
  { label: "starting", of: past => sum(past.ready, past.starting), figure: past => past.starting, colour: "--starting", fill: "--starting-area" },
  { label: "ready", of: past => past.ready, colour: "--ready", fill: "--ready-area" },
  { label: "wanted", of: past => past.wanted, colour: "--wanted", width: 2, dash: [6, 4] },
];
const WHAT_IF = { label: "what if", colour: "--held", width: 2.5 };
const sum = (...columns) => columns[0].map((_, index) => columns.reduce((total, column) => total + column[index], 0));

export class Chart {
  #place;
  #marks = h("div", { class: "marks", role: "group", "aria-label": "Decisions; arrow keys go from one to the next" });
  #plots = [];
  #columns = [LOAD, REPLICAS];
  #past = null;
  #whatIf = null;
  #legends = [];
  #onMark;
  #current = null;
  #decisions = [];
  #redraw = () => this.#rebuild();
  #resize = new ResizeObserver(() => this.#size());
  #dark = matchMedia("(prefers-color-scheme: dark)");

  // `onMark` is told the decision that is pointed at or has the focus.
  constructor(place, onMark) {
    this.#onMark = onMark;
    this.#place = h("div", { class: "charts" }, this.#marks);
    place.append(this.#place);
    this.#marks.addEventListener("keydown", event => this.#key(event));
    this.#dark.addEventListener("change", this.#redraw);
    this.#resize.observe(this.#place);
  }

  stop() {
    this.#resize.disconnect();
    this.#dark.removeEventListener("change", this.#redraw);
    this.#plots.forEach(({ plot }) => plot.destroy());
  }

  show(past) {
    this.#past = past;
    if (!this.#plots.length) this.#rebuild();
    else this.#fill();
    this.#mark();
  }

  // Draws other decisions over the real ones: `{ at, replicas }`, or null for none.
  whatIf(other) {
    this.#whatIf = other;
    this.#rebuild();
  }

  // Marks one as the one that is looked at.
  point(decision) {
    this.#current = decision ? keyOf(decision) : null;
    for (const mark of this.#marks.children) this.#turn(mark);
    this.#plots.forEach(({ plot }) => plot.redraw(false));
  }

  #data(columns, past) {
    const data = [past.at, ...columns.map(column => column.of(past))];
    if (columns !== REPLICAS || !this.#whatIf) return data;
    const joined = uPlot.join([data, [this.#whatIf.at, this.#whatIf.replicas]], [Array(data.length).fill(2), [2, 2]]);
    for (const row of joined.slice(1)) for (let at = 1; at < row.length; at++) row[at] ??= row[at - 1];
    return joined;
  }

  #shown(columns) {
    return columns === REPLICAS && this.#whatIf ? [...columns, WHAT_IF] : columns;
  }

  #rebuild() {
    if (!this.#past) return;
    this.#plots.forEach(({ plot, place, legend }) => {
      plot.destroy();
      place.remove();
      legend.remove();
    });
    this.#plots = this.#columns.map((columns, index) => this.#make(columns, index));
  }

  #make(columns, index) {
    const shown = this.#shown(columns);
    const place = h("div", { class: "plot" });
    const values = shown.map(() => h("output"));
    const legend = h("ul", { class: "keys", "aria-hidden": "true" }, shown.map((column, at) => {
      const key = h("i", { class: column.fill ? "key square" : "key" });
      key.style.setProperty("--c", `var(${column.colour})`);
      return h("li", {}, key, column.label, values[at]);
    }));
    this.#place.append(legend, place);
    const steps = uPlot.paths.stepped({ align: 1 });
    const series = shown.map(column => ({
      label: column.label, stroke: colour(column.colour), width: column.width ?? 1.25, dash: column.dash, paths: steps,
      fill: column.fill && colour(column.fill), points: { show: false },
    }));
    const paint = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      ...this.#extent(index), legend: { show: false }, cursor: { y: false, sync: { key: "time" }, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: () => [this.#past.from, Math.max(this.#past.to, this.#past.from + 10)] },
        y: { range: (_, __, most) => [0, Math.max(1, most ?? 1) * 1.08] } },
      axes: [
        { ...paint, space: 70, values: (_, splits, __, ___, step) => splits.map(at => clock(at, step < 60)) },
        { ...paint, size: 44, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000],
          values: (_, splits) => splits.map(number) },
      ],
      series: [{}, ...series],
      hooks: { draw: [plot => this.#lines(plot)], setCursor: [plot => this.#figures(plot, columns, values)] },
    }, this.#data(columns, this.#past.columns), place);
    this.#figures(plot, columns, values);
    return { plot, place, legend, columns, values };
  }

  #fill() {
    for (const { plot, columns, values } of this.#plots) {
      plot.setData(this.#data(columns, this.#past.columns));
      this.#figures(plot, columns, values);
    }
  }

  // Beside each name its figure at the pointer, else now.
  #figures(plot, columns, values) {
    const { columns: past } = this.#past;
    const pointed = plot.cursor.idx;
    const at = pointed == null || pointed >= past.at.length ? past.at.length - 1 : pointed;
    columns.forEach((column, index) => say(values[index], number((column.figure ?? column.of)(past)[at])));
    if (this.#shown(columns).length > columns.length) {
      const time = past.at[at];
      const known = this.#whatIf.at.findLastIndex(moment => moment <= time);
      say(values.at(-1), known < 0 ? "–" : number(this.#whatIf.replicas[known]));
    }
  }

  #extent(index) {
    const width = Math.max(280, this.#place.clientWidth);
    return { width, height: Math.round(Math.min(index ? 200 : 240, Math.max(150, width * 0.4))) };
  }

  #size() {
    this.#plots.forEach(({ plot }, index) => plot.setSize(this.#extent(index)));
    this.#mark();
  }

  // A line through both plots for each decision that changed the count, below its mark.
  #lines(plot) {
    const { ctx, bbox } = plot;
    if (plot === this.#plots[0]?.plot) {
      for (const mark of this.#marks.children) mark.style.left = `${plot.over.offsetLeft + plot.valToPos(mark.dataset.at / 1000, "x")}px`;
    }
    ctx.save();
    ctx.setLineDash([]);
    for (const decision of this.#decisions) {
      const isCurrent = keyOf(decision) === this.#current;
      if (decision.replicas === decision.from && !isCurrent) continue;
      const x = Math.round(plot.valToPos(decision.unixMillis / 1000, "x", true)) + 0.5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colour(isCurrent ? "--ink" : "--line");
      ctx.lineWidth = (isCurrent ? 2 : 1) * (devicePixelRatio || 1);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  // Buttons above the plots; those that are there stay, so that a focus does.
  #mark() {
    if (!this.#past) return;
    this.#decisions = this.#past.decisions.slice(-MARKS);
    const there = new Map([...this.#marks.children].map(mark => [mark.dataset.key, mark]));
    for (const decision of this.#decisions) {
      const what = kind(decision);
      const key = keyOf(decision);
      let mark = there.get(key);
      there.delete(key);
      if (!mark) {
        const look = () => this.#onMark(decision);
        const label = `${clock(decision.unixMillis / 1000)}: ${decision.sentence}`;
        mark = h("button", { type: "button", class: "mark", "data-kind": what, "data-at": decision.unixMillis, "data-key": key, "aria-label": label,
          tabindex: "-1", onmouseenter: look, onfocus: look, onclick: look }, h("span", { "aria-hidden": "true" }, SIGNS[what]));
        this.#marks.append(mark);
      }
      this.#turn(mark);
    }
    for (const mark of there.values()) mark.remove();
    // One of them can be reached by Tab: the one that is looked at, else the newest.
    const all = [...this.#marks.children];
    const reached = all.find(mark => mark.getAttribute("aria-current") === "true") ?? all.at(-1);
    for (const mark of all) mark.tabIndex = mark === reached ? 0 : -1;
    this.#plots.forEach(one => one.plot.redraw(false));
  }

  #turn(mark) {
    if (mark.dataset.key === this.#current) mark.setAttribute("aria-current", "true");
    else mark.removeAttribute("aria-current");
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const all = [...this.#marks.children].sort((a, b) => a.dataset.at - b.dataset.at);
    const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(document.activeElement) + step))];
    all.forEach(mark => (mark.tabIndex = mark === next ? 0 : -1));
    next?.focus();
  }
}
