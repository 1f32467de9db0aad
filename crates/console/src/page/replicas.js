// SPDX-License-Identifier: Apache-2.0
// The replicas that are there, what they wrote last, and how the last ones started.
import { bytes, clock, h, number, say, span } from "./format.js";

// A decision that much before a start was what asked for it.
const LONGEST_BEFORE_MS = 10_000;

export const replicas = place => {
  const body = h("tbody");
  const none = h("p", { class: "empty" }, "There is none.");
  const there = wide("Replicas", ["Replica", "State", "In flight", "Memory", "Age", "Restarts", "Process"], body);
  const unseen = h("p", { class: "note" });
  const outputs = h("div");
  const started = h("tbody");
  const starts = h("section", { hidden: true }, h("h2", {}, "Cold starts"),
    h("p", { class: "note" }, "From the decision to the first request that was answered, newest first. In all: without the time in which nobody asked."),
    wide("Cold starts", ["Asked for", "Replica", "Decision to request", "Until it ran", "Until it was ready", "First answer", "In all"], started));
  place.append(h("h2", {}, "Replicas"), there, none, unseen, outputs, starts);
  const open = new Set();

  const output = one => {
    const text = h("pre", { tabindex: "0", "aria-label": `Last output of ${one.replica}` }, one.lastOutput.join("\n"));
    return h("details", { open: open.has(one.replica), ontoggle: event => {
      if (event.target.open) open.add(one.replica);
      else open.delete(one.replica);
    } }, h("summary", {}, `Last output of ${one.replica}`), text);
  };
  let written = "";

  return {
    show({ replicas: all = [], starts: begun = [], unseen: why = [] }, decisions) {
      unseen.hidden = why.length === 0;
      say(unseen, why.map(one => `${one}.`).join(" "));
      none.hidden = all.length > 0;
      there.hidden = all.length === 0;
      body.replaceChildren(...all.map(one => h("tr", {},
        h("th", { scope: "row" }, one.replica), h("td", {}, one.state), h("td", {}, number(one.inFlight)), h("td", {}, bytes(one.memoryBytes)),
        h("td", {}, span(one.ageSeconds)), h("td", {}, number(one.restarts)),
        h("td", {}, one.pid ? `${one.pid}, port ${one.port}` : `port ${one.port}`))));
      // Left alone while it is the same, so that what is read or marked stays.
      const said = all.filter(one => one.lastOutput?.length);
      const key = JSON.stringify(said.map(one => [one.replica, one.lastOutput]));
      if (key !== written) outputs.replaceChildren(...said.map(output));
      written = key;
      starts.hidden = begun.length === 0;
      started.replaceChildren(...begun.toReversed().map(one => {
        // In a cluster a moment is known to the second that it was in.
        const blur = one.wholeSeconds ? 1000 : 50;
        const part = seconds => (one.wholeSeconds && seconds < 1 ? "< 1 s" : span(seconds));
        const before = decisions.findLast(decision => decision.unixMillis <= one.askedUnixMillis + blur && decision.replicas > decision.from);
        const waited = before && Math.max(0, one.askedUnixMillis - before.unixMillis);
        const isKnown = waited !== undefined && waited < LONGEST_BEFORE_MS;
        const all = (isKnown ? waited / 1000 : 0) + one.processSeconds + one.readySeconds + (one.firstAnswerSeconds ?? 0);
        const idle = one.firstRequestSeconds >= 1 ? `, ${span(one.firstRequestSeconds)} later` : "";
        const first = one.firstAnswerSeconds == null ? "–" : `${span(one.firstAnswerSeconds)}${idle}`;
        return h("tr", {}, h("th", { scope: "row" }, clock(one.askedUnixMillis / 1000)), h("td", {}, one.replica),
          h("td", {}, isKnown ? part(waited / 1000) : "–"), h("td", {}, part(one.processSeconds)), h("td", {}, part(one.readySeconds)),
          h("td", {}, first), h("td", {}, part(all)));
      }));
    },
  };
};

const wide = (name, heads, body) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
  h("table", {}, h("caption", { class: "unseen" }, name), h("thead", {}, h("tr", {}, heads.map(head => h("th", { scope: "col" }, head)))), body));
