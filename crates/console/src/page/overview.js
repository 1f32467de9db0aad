// SPDX-License-Identifier: Apache-2.0
// A row for each revision.
import { live } from "./live.js";
import { h, number, say } from "./format.js";
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
  const heads = COLUMNS.map((column, index) => h("th", { scope: "col", class: column.key },
    column.of ? h("button", { type: "button", onclick: () => sortBy(index) }, column.title) : column.title));
  const body = h("tbody");
  const table = h("table", { class: "all" }, h("caption", { class: "unseen" }, "Revisions"), h("thead", {}, h("tr", {}, heads)), body);
  const none = h("p", { class: "empty" });
  main.append(h("h1", {}, "Revisions"), summary,
    h("div", { class: "bar" }, h("label", { for: "filter" }, "Filter"), search, h("label", { for: "mode" }, "Mode"), mode),
    table, none);

  const line = name => {
    const cell = (of, label, ...children) => h("td", { class: of }, label && h("span", { class: "label" }, `${label} `), ...children);
    const text = () => h("span");
    const parts = { flight: text(), count: text(), mode: h("span", { class: "tag" }), cost: text(), reason: text(),
      canvas: h("canvas", { "aria-hidden": "true" }) };
    parts.element = h("tr", {},
      h("th", { scope: "row", class: "name" }, h("a", { href: `#/${encodeURIComponent(name)}`, title: name }, name)),
      cell("spark", "", parts.canvas), cell("flight number", "In flight", parts.flight), cell("count number", "Ready", parts.count),
      cell("mode", "", parts.mode), cell("cost number", "Cost", parts.cost), cell("reason", "", parts.reason));
    sparks.watch(parts.canvas, name);
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

  const sift = () => {
    const text = filter.text.toLowerCase();
    let shown = 0;
    for (const [name, parts] of lines) {
      const row = live.rows.get(name);
      const fits = (!filter.mode || row.mode === filter.mode)
        && (!text || name.toLowerCase().includes(text) || row.why.toLowerCase().includes(text));
      if (parts.element.hidden === fits) parts.element.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    none.hidden = shown > 0;
    say(none, live.state === "connecting" ? "Connecting." : lines.size ? "No revision fits the filter." : "There is no revision.");
  };

  const sort = () => {
    const { of, text } = COLUMNS[sorting.column];
    const rows = [...lines.keys()].map(name => [of(live.rows.get(name)), name]);
    const order = text ? (a, b) => a[0].localeCompare(b[0], undefined, { numeric: true }) : (a, b) => a[0] - b[0];
    rows.sort((a, b) => (order(a, b) || a[1].localeCompare(b[1])) * (sorting.down ? -1 : 1));
    const elements = rows.map(([, name]) => lines.get(name).element);
    if (elements.some((element, index) => body.children[index] !== element)) body.replaceChildren(...elements);
    heads.forEach((head, index) => {
      if (index === sorting.column) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  const sortBy = column => {
    const falls = !COLUMNS[column].text && !COLUMNS[column].rising;
    sorting = { column, down: sorting.column === column ? !sorting.down : falls };
    sort();
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
    say(summary, `${live.rows.size} revisions, ${awake} awake; ${ready} replicas ready, ${held} requests held; `
      + `${number(hours)} replica-hours in the last 24 hours${saved}.`);
  };

  let sorted = 0;
  const update = ({ detail }) => {
    const names = detail ?? [...new Set([...live.rows.keys(), ...lines.keys()])];
    let isNew = false;
    for (const name of names) {
      const row = live.rows.get(name);
      let parts = lines.get(name);
      if (!row) {
        if (parts) sparks.forget(parts.canvas);
        parts?.element.remove();
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
    const isTouched = body.matches(":hover, :focus-within");
    if (isNew || (!isTouched && now - sorted > SORT_EVERY_MS)) {
      sort();
      sorted = now;
    }
    sift();
    summarise();
    sparks.draw();
  };
  live.addEventListener("rows", update);
  live.addEventListener("state", sift);
  const redraw = () => sparks.draw();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  addEventListener("resize", redraw);
  update({ detail: null });
  return () => {
    live.removeEventListener("rows", update);
    live.removeEventListener("state", sift);
    dark.removeEventListener("change", redraw);
    removeEventListener("resize", redraw);
    sparks.stop();
  };
};

const cost = ({ replicaHours, alwaysOnHours }) => {
  const share = alwaysOnHours > 0 ? ` (${Math.round((100 * replicaHours) / alwaysOnHours)} %)` : "";
  return `${number(replicaHours)} h${share}`;
};
