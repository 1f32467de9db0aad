// SPDX-License-Identifier: Apache-2.0
// Rows in groups of ten. There may be a thousand: a group out of view is neither laid out nor drawn (`content-visibility` in
// page.css), but stays in the document for the keyboard, a screen reader and the browser's own search. Groups and not single
// rows, for a browser looks at each of them in each frame.
import { h } from "./format.js";

const GROUP = 10;

export class Rows {
  #table;
  #groups = [];
  #seen = new Set();
  #observer = new IntersectionObserver(entries => this.#look(entries), { rootMargin: "120px" });
  #onView;

  // `onView` is told when other rows may be in view.
  constructor(table, onView) {
    this.#table = table;
    this.#onView = onView;
  }

  // Shows these elements in this order, and no others. What is in its place already stays, and with it a focus.
  arrange(elements) {
    const focused = document.activeElement;
    elements.forEach((element, index) => {
      const group = this.#groups[Math.floor(index / GROUP)] ?? this.#add();
      const there = group.children[index % GROUP] ?? null;
      if (there !== element) group.insertBefore(element, there);
    });
    const last = Math.ceil(elements.length / GROUP);
    this.#groups.splice(last).forEach(group => {
      this.#observer.unobserve(group);
      this.#seen.delete(group);
      group.remove();
    });
    this.#groups.forEach((group, index) => {
      while (group.children.length > Math.min(GROUP, elements.length - index * GROUP)) group.lastElementChild.remove();
    });
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    this.#onView();
  }

  // The rows of the groups in view, or near to it.
  inView() {
    return [...this.#seen].flatMap(group => [...group.children]);
  }

  isTouched() {
    return this.#groups.some(group => group.matches(":hover, :focus-within"));
  }

  stop() {
    this.#observer.disconnect();
  }

  #add() {
    // Roles are said, for what is laid out as a grid is no row to every browser.
    const group = h("tbody", { role: "rowgroup" });
    this.#groups.push(group);
    this.#table.append(group);
    this.#observer.observe(group);
    return group;
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && target.isConnected) this.#seen.add(target);
      else this.#seen.delete(target);
    }
    this.#onView();
  }
}
