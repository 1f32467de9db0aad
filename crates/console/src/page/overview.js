// SPDX-License-Identifier: Apache-2.0
// A row for each revision.
import { live } from "./live.js";
import { h, number, say } from "./format.js";
import { Rows } from "./rows.js";
import { Sparks } from "./spark.js";

const COLUMNS = [
  { key: "name", title: "Revision", of: row => row.revision, text: true },
  { key: "spark plain", title: "Last 5 minutes" },
  { key: "flight number", title: "In flight", of: row => row.inFlight + row.held },
  { key: "count number", title: "Ready / wanted", of: row => row.ready + row.starting },
  { key: "mode", title: "Mode", of: row => ["panic", "paused", "stable", "zero"].indexOf(row.mode), rising: true },
  { key: "cost number", title: "Replica-hours in 24 h (of always on)", of: row => row.cost?.replicaHours ?? 0 },
  { key: "reason plain", title: "Last reason" },
];
// Rows change places at most so often, and never below a pointer or a focus.
const SORT_EVERY_MS = 3000;
const BY_NAME = new Intl.Collator(undefined, { numeric: true });

let sorting = { column: 0, down: false };
let filter = { text: "", mode: "" };

export const overview = main => {
  const sparks = new Sparks();
  const lines = new Map();
  const summary = h("p", { class: "note" });
  const search = h("input", { type: "search", id: "filter", placeholder: "name or reason", value: filter.text, oninput: () => {
    filter.text = search.value;
    sift();
  } });
  const mode = h("select", { id: "mode", onchange: () => {
    filter.mode = mode.value;
    sift();
  } }, [["", "all"], ["panic", "panic"], ["stable", "stable"], ["paused", "paused"], ["zero", "zero"]]
    .map(([value, text]) => h("option", { value, selected: value === filter.mode }, text)));
  const heads = COLUMNS.map((column, index) => h("th", { scope: "col", role: "columnheader", class: column.key },
    column.of ? h("button", { type: "button", onclick: () => sortBy(index) }, column.title) : column.title));
  const table = h("table", { class: "all", role: "table" }, h("caption", { class: "unseen" }, "Revisions"), h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)));
  const rows = new Rows(table, () => sparks.show(new Map(rows.inView().map(row => [row.dataset.name, lines.get(row.dataset.name).spark]))));
  const none = h("p", { class: "empty" });
  main.append(h("h1", {}, "Revisions"), summary,
    h("div", { class: "bar" }, h("label", { for: "filter" }, "Filter"), search, h("label", { for: "mode" }, "Mode"), mode),
    table, none);

  const line = name => {
    const cell = (of, label, ...children) => h("td", { class: of, role: "cell" }, label && h("span", { class: "label" }, `${label} `), ...children);
    const text = () => h("span");
    const parts = { flight: text(), count: text(), mode: h("span", { class: "tag" }), cost: text(), reason: text(),
      spark: h("td", { class: "spark", role: "cell" }) };
    parts.element = h("tr", { role: "row", "data-name": name },
      h("th", { scope: "row", role: "rowheader", class: "name" }, h("a", { href: `#/${encodeURIComponent(name)}`, title: name }, name)),
      parts.spark, cell("flight number", "In flight", parts.flight), cell("count number", "Ready", parts.count),
      cell("mode", "", parts.mode), cell("cost number", "Cost", parts.cost), cell("reason", "", parts.reason));
    return parts;
  };

  const fill = (parts, row) => {
    say(parts.flight, row.held ? `${number(row.inFlight)} + ${row.held} held` : number(row.inFlight));
    const others = [row.starting && `+${row.starting}`, row.draining && `−${row.draining}`].filter(Boolean).join(" ");
    say(parts.count, `${row.ready}${others ? ` ${others}` : ""} / ${row.wanted}`);
    say(parts.mode, row.mode);
    parts.mode.dataset.mode = row.mode;
    say(parts.cost, row.cost ? cost(row.cost) : "–");
    say(parts.reason, row.why);
    parts.reason.title = row.why;
  };

  const fits = ({ revision, mode: is, why }) => {
    const text = filter.text.toLowerCase();
    return (!filter.mode || is === filter.mode) && (!text || revision.toLowerCase().includes(text) || why.toLowerCase().includes(text));
  };

  // What fits, in its order. Only a person's own wish moves what is below a pointer or a focus.
  let order = [];
  const arrange = sorted => {
    // A row that went since the last frame is still here.
    const isThere = name => lines.has(name) && live.rows.has(name);
    if (sorted) {
      const { of, text } = COLUMNS[sorting.column];
      const keyed = [...lines.keys()].filter(isThere).map(name => [text ? 0 : of(live.rows.get(name)), name]);
      keyed.sort((a, b) => (a[0] - b[0] || BY_NAME.compare(a[1], b[1])) * (sorting.down ? -1 : 1));
      order = keyed.map(([, name]) => name);
    }
    const shown = order.filter(name => isThere(name) && fits(live.rows.get(name)));
    rows.arrange(shown.map(name => lines.get(name).element));
    none.hidden = shown.length > 0;
    say(none, live.state === "connecting" ? "Connecting." : lines.size ? "No revision fits the filter." : "There is no revision.");
    heads.forEach((head, index) => {
      if (index === sorting.column) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  const sift = () => arrange(false);
  const sortBy = column => {
    const falls = !COLUMNS[column].text && !COLUMNS[column].rising;
    sorting = { column, down: sorting.column === column ? !sorting.down : falls };
    arrange(true);
  };

  const summarise = () => {
    let [awake, ready, held, hours, always] = [0, 0, 0, 0, 0];
    for (const row of live.rows.values()) {
      awake += row.mode === "zero" ? 0 : 1;
      ready += row.ready;
      held += row.held;
      hours += row.cost?.replicaHours ?? 0;
      always += row.cost?.alwaysOnHours ?? 0;
    }
    const saved = always > 0 ? `, ${Math.round((100 * hours) / always)} % of what always having the most there was would have been` : "";
    say(summary, `${count(live.rows.size, "revision")}, ${awake} awake; ${count(ready, "replica")} ready, ${count(held, "request")} held; `
      + `${number(hours)} replica-hours in the last 24 hours${saved}.`);
  };

  let sorted = 0;
  // What changed since the last frame; null: all of it.
  let changed = new Set();
  let frame = null;
  const update = ({ detail }) => {
    if (detail === null) changed = null;
    else if (changed) detail.forEach(name => changed.add(name));
    frame ??= requestAnimationFrame(render);
  };
  const render = () => {
    const detail = changed;
    [changed, frame] = [new Set(), null];
    const names = detail ?? new Set([...live.rows.keys(), ...lines.keys()]);
    let isNew = false;
    for (const name of names) {
      const row = live.rows.get(name);
      let parts = lines.get(name);
      if (!row) {
        lines.delete(name);
        continue;
      }
      if (!parts) {
        parts = line(name);
        lines.set(name, parts);
        isNew = true;
      }
      fill(parts, row);
      if (detail) sparks.add(row);
    }
    if (!detail) sparks.refresh();
    const now = performance.now();
    const isDue = isNew || (now - sorted > SORT_EVERY_MS && !rows.isTouched());
    if (isDue) sorted = now;
    arrange(isDue);
    summarise();
    sparks.draw();
  };
  live.addEventListener("rows", update);
  live.addEventListener("state", sift);
  const redraw = () => sparks.draw();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  addEventListener("resize", redraw);
  changed = null;
  render();
  return () => {
    cancelAnimationFrame(frame);
    rows.stop();
    live.removeEventListener("rows", update);
    live.removeEventListener("state", sift);
    dark.removeEventListener("change", redraw);
    removeEventListener("resize", redraw);
    sparks.stop();
  };
};

const count = (many, thing) => `${many} ${thing}${many === 1 ? "" : "s"}`;

const cost = ({ replicaHours, alwaysOnHours }) => {
  const share = alwaysOnHours > 0 ? ` (${Math.round((100 * replicaHours) / alwaysOnHours)} %)` : "";
  return `${number(replicaHours)} h${share}`;
};
