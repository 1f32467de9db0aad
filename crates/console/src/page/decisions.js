// SPDX-License-Identifier: Apache-2.0
// The list of decisions, to be sifted.
import { clock, h, keyOf, kind, numbers } from "./format.js";

const SHOWN = 200;
const FILTERS = [
  ["all", "all", () => true],
  ["up", "ups", decision => decision.replicas > decision.from],
  ["down", "downs", decision => decision.replicas < decision.from],
  ["panic", "panics", decision => decision.mode === "panic"],
  ["bound", "held back by a bound", decision => decision.bounds?.length > 0 && decision.wanted !== decision.replicas],
];

export class Decisions {
  #list = h("ol", { class: "decisions", reversed: true, tabindex: "0", "aria-label": "Decisions, newest first" });
  #all = [];
  #filter = FILTERS[0];
  #current = null;
  #onPoint;
  #written = "";

  constructor(place, onPoint) {
    this.#onPoint = onPoint;
    const buttons = FILTERS.map(filter => h("button", { type: "button", "aria-pressed": String(filter === this.#filter), onclick: () => {
      this.#filter = filter;
      buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(FILTERS[index] === filter)));
      this.#write();
    } }, filter[1]));
    place.append(h("h2", {}, "Decisions"), h("div", { class: "group", role: "group", "aria-label": "Which decisions" }, buttons),
      h("p", { class: "unseen" }), this.#list);
  }

  show(decisions) {
    this.#all = decisions;
    this.#write();
  }

  point(decision) {
    this.#current = decision ? keyOf(decision) : null;
    this.#write();
  }

  #write() {
    const fits = this.#all.filter(this.#filter[2]).slice(-SHOWN).reverse();
    const key = JSON.stringify([fits.map(keyOf), this.#current, this.#filter[0]]);
    if (key === this.#written) return;
    this.#written = key;
    this.#list.replaceChildren(...fits.map(decision => h("li", {
      "aria-current": keyOf(decision) === this.#current ? "true" : null, onmouseenter: () => this.#onPoint(decision),
    }, h("time", { datetime: new Date(decision.unixMillis).toISOString() }, clock(decision.unixMillis / 1000)),
    h("span", { class: "step", "data-kind": kind(decision) }, `${decision.from} → ${decision.replicas}`),
    h("span", { class: "text" }, decision.sentence), h("span", { class: "numbers" }, numbers(decision)))));
    if (!fits.length) this.#list.append(h("li", {}, h("span", { class: "text soft" }, "None in this time.")));
  }
}
