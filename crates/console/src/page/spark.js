// SPDX-License-Identifier: Apache-2.0
// The small chart of each row: requests in flight as an area, the capacity of what is ready as a line. Only those of rows
// in view are asked for and drawn, and only there is a canvas at all.
import { ask, live } from "./live.js";
import { colour, h } from "./format.js";

const SECONDS = 300;
const MOST_ASKED = 64;

export class Sparks {
  #past = new Map();
  #seen = new Map();
  #wanted = new Set();
  #asking = null;

  // These are in view: names and where their charts go.
  show(places) {
    for (const [name, { place }] of this.#seen) if (!places.has(name)) this.#leave(name, place);
    for (const [name, place] of places) {
      if (this.#seen.has(name)) continue;
      const canvas = h("canvas", { "aria-hidden": "true" });
      place.append(canvas);
      this.#seen.set(name, { place, canvas });
      this.#want(name);
    }
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

  draw(names = [...this.#seen.keys()]) {
    const shown = names.filter(name => this.#seen.has(name)).map(name => [this.#seen.get(name).canvas, this.#past.get(name)]);
    if (!shown.length) return;
    // All sizes are read before anything is written, or the page would be laid out for each chart anew.
    const sizes = shown.map(([canvas]) => [canvas.clientWidth, canvas.clientHeight]);
    const colours = { area: colour("--area"), line: colour("--demand"), capacity: colour("--capacity") };
    shown.forEach(([canvas, past], index) => this.#drawOne(canvas, sizes[index], past, colours));
  }

  stop() {
    clearTimeout(this.#asking);
  }

  #leave(name, place) {
    place.replaceChildren();
    this.#seen.delete(name);
    this.#past.delete(name);
    this.#wanted.delete(name);
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
        if (this.#seen.has(name)) this.#past.set(name, { at, inFlight, capacity: ready.map(count => count * target) });
      }
      this.draw(names);
    } catch {
      // The page says already that there is no connection; with it all is asked for anew.
    }
  }

  #drawOne(canvas, size, past, colours) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = size.map(length => Math.round(length * ratio));
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
