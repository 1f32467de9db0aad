// SPDX-License-Identifier: Apache-2.0
// The small chart of each row: requests in flight as an area, the capacity of what is ready as a line. Only those in
// view are asked for and drawn.
import { ask, live } from "./live.js";
import { colour } from "./format.js";

const SECONDS = 300;
const MOST_ASKED = 64;

export class Sparks {
  #past = new Map();
  #seen = new Map();
  #wanted = new Set();
  #asking = null;
  #observer = new IntersectionObserver(entries => this.#look(entries), { rootMargin: "120px" });

  watch(canvas, name) {
    canvas.dataset.name = name;
    this.#observer.observe(canvas);
  }

  forget(canvas) {
    this.#observer.unobserve(canvas);
    this.#seen.delete(canvas.dataset.name);
    this.#past.delete(canvas.dataset.name);
  }

  // Takes the row that changed.
  add(row) {
    const past = this.#past.get(row.revision);
    if (!past) return;
    past.at.push(live.at);
    past.inFlight.push(row.inFlight);
    past.capacity.push(row.ready * row.target);
    while (past.at.length > 1 && past.at[1] < live.at - SECONDS) {
      past.at.shift();
      past.inFlight.shift();
      past.capacity.shift();
    }
  }

  // All is asked for anew: something was missed.
  refresh() {
    this.#past.clear();
    for (const name of this.#seen.keys()) this.#want(name);
  }

  draw() {
    if (!this.#seen.size) return;
    const colours = { area: colour("--area"), line: colour("--demand"), capacity: colour("--capacity") };
    for (const [name, canvas] of this.#seen) this.#drawOne(canvas, this.#past.get(name), colours);
  }

  stop() {
    this.#observer.disconnect();
    clearTimeout(this.#asking);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      const { name } = target.dataset;
      if (!isIntersecting) {
        this.#seen.delete(name);
        this.#past.delete(name);
      } else {
        this.#seen.set(name, target);
        this.#want(name);
      }
    }
  }

  #want(name) {
    this.#wanted.add(name);
    this.#asking ??= setTimeout(() => this.#ask(), 50);
  }

  async #ask() {
    this.#asking = null;
    const names = [...this.#wanted].slice(0, MOST_ASKED);
    names.forEach(name => this.#wanted.delete(name));
    if (this.#wanted.size) this.#asking = setTimeout(() => this.#ask(), 50);
    try {
      const sparks = await ask(`/v1/console/sparks?names=${names.map(encodeURIComponent).join(",")}`);
      for (const [name, { at, inFlight, ready }] of Object.entries(sparks)) {
        const target = live.rows.get(name)?.target ?? 0;
        this.#past.set(name, { at, inFlight, capacity: ready.map(count => count * target) });
      }
      this.draw();
    } catch {
      // The page says already that there is no connection; with it all is asked for anew.
    }
  }

  #drawOne(canvas, past, colours) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (!past?.at.length) return;
    const now = Math.max(live.at, past.at.at(-1));
    const most = Math.max(1, ...past.inFlight, ...past.capacity);
    const x = at => Math.max(0, (1 - (now - at) / SECONDS) * width);
    const y = value => height - ratio - (value / most) * (height - 3 * ratio);
    const steps = values => {
      pen.beginPath();
      pen.moveTo(x(past.at[0]), y(values[0]));
      past.at.forEach((at, index) => {
        if (index) pen.lineTo(x(at), y(values[index - 1]));
        pen.lineTo(x(at), y(values[index]));
      });
      pen.lineTo(width, y(values.at(-1)));
    };
    pen.lineWidth = ratio;
    steps(past.inFlight);
    pen.strokeStyle = colours.line;
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(x(past.at[0]), height);
    pen.fillStyle = colours.area;
    pen.globalAlpha = 0.6;
    pen.fill();
    pen.globalAlpha = 1;
    steps(past.capacity);
    pen.strokeStyle = colours.capacity;
    pen.setLineDash([3 * ratio, 2 * ratio]);
    pen.stroke();
    pen.setLineDash([]);
  }
}
