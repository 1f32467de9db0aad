// SPDX-License-Identifier: Apache-2.0
// One revision: how it is, how it was, and why.
import { ask, inPath, live } from "./live.js";
import { clock, h, keyOf, kind, number, numbers, say, span } from "./format.js";
import { Chart } from "./chart.js";
import { Decisions } from "./decisions.js";
import { replicas } from "./replicas.js";
import { curve } from "./curve.js";
import { whatIf } from "./whatif.js";
import { acts } from "./acts.js";

const RANGES = [[60, "1 min"], [300, "5 min"], [900, "15 min"], [3600, "1 h"], [7200, "2 h"], [21600, "6 h"], [86400, "24 h"]];
// Rows of the table for those who cannot see the chart.
const TABLE_ROWS = 30;

let seconds = 300;

export const revision = (main, name) => {
  const title = h("h1", {}, name, " ");
  const mode = h("span", { class: "tag" });
  title.append(mode);
  const facts = Object.fromEntries(["In flight", "Held", "Ready", "Wanted", "Target each", "Replica-hours, 24 h"]
    .map(fact => [fact, h("dd", {}, "–")]));
  const [hours, always] = [h("span"), h("small")];
  facts["Replica-hours, 24 h"].replaceChildren(hours, " ", always);
  const why = h("p");
  const awake = h("p", { class: "soft" });
  const woken = h("p", { class: "soft" });
  const trouble = h("p", { class: "note", role: "status" });
  const ranges = RANGES.map(([span, text]) => h("button", { type: "button", "aria-pressed": String(span === seconds), onclick: () => {
    seconds = span;
    ranges.forEach((button, index) => button.setAttribute("aria-pressed", String(RANGES[index][0] === span)));
    refresh();
  } }, text));
  const acting = h("section", { "aria-label": "Actions" });
  const place = h("section", { "aria-label": "Over time" });
  const said = h("div", { class: "said", "aria-live": "polite" });
  const table = h("div", { class: "scroll" });
  const figures = h("details", { ontoggle: () => figures.open && past && tabulate() }, h("summary", {}, "The figures as a table"), table);
  const list = h("section", { "aria-label": "Decisions" });
  const there = h("section", { "aria-label": "Replicas" });
  const learning = h("section", { "aria-label": "What was learned", hidden: true });
  const trying = h("section", { "aria-label": "What if" });
  main.append(h("p", { class: "back" }, h("a", { href: "#/" }, "← all revisions")), title,
    h("dl", { class: "facts" }, Object.entries(facts).map(([fact, value]) => h("div", {}, h("dt", {}, fact), value))),
    h("div", { class: "why" }, why, awake, woken), acting, trouble,
    h("div", { class: "bar" }, h("div", { class: "group", role: "group", "aria-label": "How far back" }, ranges)),
    place, said, figures, trying, list, there, learning);

  let past = null;
  let pointed = null;
  let ended = false;
  const point = decision => {
    if (pointed && keyOf(pointed) === keyOf(decision)) return;
    pointed = decision;
    chart.point(decision);
    decisions.point(decision);
    tell();
  };
  const tell = () => {
    const decision = pointed ?? past?.decisions.at(-1);
    if (!decision) {
      said.replaceChildren(h("p", { class: "soft" }, "No decision in this time."));
      return;
    }
    const which = pointed ? "" : "The last decision: ";
    const times = decision.times > 1 ? ` (${decision.times} times)` : "";
    said.replaceChildren(h("p", {}, h("strong", {}, `${which}${clock(decision.unixMillis / 1000)} `), decision.sentence, times),
      h("p", { class: "numbers" }, numbers(decision)));
  };
  const chart = new Chart(place, point);
  const decisions = new Decisions(list, point);
  const replicaTable = replicas(there);
  const learned = curve(learning);
  whatIf(trying, name, chart);
  const offer = acts(acting, name);

  const fill = () => {
    const row = live.rows.get(name);
    if (!row) {
      say(trouble, live.state === "up" ? `There is no revision ${name} any more.` : "");
      return;
    }
    say(mode, row.mode);
    mode.dataset.mode = row.mode;
    say(facts["In flight"], number(row.inFlight));
    say(facts.Held, number(row.held));
    say(facts.Ready, [row.ready, row.starting && `+ ${row.starting} starting`, row.draining && `− ${row.draining} draining`].filter(part => part || part === row.ready).join(" "));
    say(facts.Wanted, number(row.wanted));
    say(facts["Target each"], number(row.target));
    say(hours, row.cost ? number(row.cost.replicaHours) : "–");
    say(always, row.cost ? `of ${number(row.cost.alwaysOnHours)} always on` : "");
    say(why, row.why);
  };

  const tabulate = () => {
    const { columns } = past;
    const step = Math.max(1, Math.ceil(columns.at.length / TABLE_ROWS));
    const rows = columns.at.map((_, index) => index).filter(index => (columns.at.length - 1 - index) % step === 0);
    const heads = ["Time", "In flight", "Stable", "Panic", "Target", "Held", "Wanted", "Ready", "Starting", "Draining"];
    const keys = ["inFlight", "stable", "panic", "target", "held", "wanted", "ready", "starting", "draining"];
    table.replaceChildren(h("table", {}, h("caption", { class: "unseen" }, "Figures over time"),
      h("thead", {}, h("tr", {}, heads.map(head => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(index => h("tr", {}, h("th", { scope: "row" }, clock(columns.at[index])),
        keys.map(key => h("td", { class: "number" }, number(columns[key][index]))))))));
  };

  let asking = false;
  const refresh = async () => {
    if (asking || ended) return;
    asking = true;
    const asked = seconds;
    try {
      const answer = await ask(`/v1/console/past/${inPath(name)}?seconds=${asked}`);
      if (ended) return;
      past = answer;
      chart.show(past);
      decisions.show(past.decisions);
      if (!pointed) tell();
      if (figures.open) tabulate();
      say(trouble, "");
    } catch (error) {
      if (!ended && live.state === "up") say(trouble, error.message);
    } finally {
      asking = false;
    }
    if (asked !== seconds) refresh();
  };
  const detail = async () => {
    try {
      const view = await ask(`/v1/revisions/${inPath(name)}`);
      if (ended) return;
      say(awake, view.keptAwakeBy ? `Kept awake by: ${view.keptAwakeBy}` : "Nothing keeps it awake.");
      say(woken, view.wokenBy ? `Woken by: ${view.wokenBy}, ${span(view.wokenSecondsAgo)} ago` : "");
      replicaTable.show(view, view.decisions);
      learned.show(view.learned);
    } catch {
      // Told beside the charts, and above all.
    }
  };

  // As often as there is something new to be seen.
  let beat = 0;
  const everySecond = ({ detail: changed }) => {
    fill();
    if (changed === null) offer();
    beat += 1;
    const every = seconds <= 300 ? 1 : seconds <= 7200 ? 10 : 60;
    if (changed === null || beat % every === 0) refresh();
    if (changed === null || beat % 2 === 0) detail();
  };
  const decided = ({ detail: decision }) => {
    if (decision.revision !== name) return;
    document.getElementById("said").textContent = kind(decision) === "same" ? "" : decision.sentence;
    refresh();
  };
  live.addEventListener("rows", everySecond);
  live.addEventListener("decision", decided);
  if (live.state === "up") everySecond({ detail: null });
  return () => {
    ended = true;
    live.removeEventListener("rows", everySecond);
    live.removeEventListener("decision", decided);
    chart.stop();
    learned.stop();
  };
};
