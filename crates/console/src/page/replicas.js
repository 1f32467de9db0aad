// SPDX-License-Identifier: Apache-2.0
// The replicas that are there.
import { h, number, span } from "./format.js";

export const replicas = place => {
  const body = h("tbody");
  const none = h("p", { class: "empty" }, "There is none.");
  const heads = ["Replica", "State", "In flight", "Age", "Restarts", "Process"];
  const table = h("table", {}, h("caption", { class: "unseen" }, "Replicas"),
    h("thead", {}, h("tr", {}, heads.map(head => h("th", { scope: "col" }, head)))), body);
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Replicas" }, table);
  place.append(h("h2", {}, "Replicas"), scroll, none);
  return {
    show(all) {
      none.hidden = all.length > 0;
      scroll.hidden = all.length === 0;
      body.replaceChildren(...all.map(one => h("tr", {},
        h("th", { scope: "row" }, one.replica), h("td", {}, one.state), h("td", {}, number(one.inFlight)), h("td", {}, span(one.ageSeconds)),
        h("td", {}, number(one.restarts)), h("td", {}, one.pid ? `${one.pid}, port ${one.port}` : `port ${one.port}`))));
    },
  };
};
