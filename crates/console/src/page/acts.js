// SPDX-License-Identifier: Apache-2.0
// What a person may do, if the server was started with --allow-actions.
import { inPath, live } from "./live.js";
import { h, say } from "./format.js";

export const acts = (place, name) => {
  const count = h("input", { type: "number", id: "act-count", min: "0", step: "1", size: "5", value: live.rows.get(name)?.wanted ?? 1 });
  const answer = h("p", { class: "note", role: "status" });
  const act = async what => {
    const done = await fetch(`/v1/console/act/${inPath(name)}`, {
      method: "POST", headers: { "content-type": "application/json", "x-cheerful-act": "1" }, body: JSON.stringify(what),
    }).catch(error => ({ ok: false, text: async () => error.message }));
    say(answer, done.ok ? "Done; it stands among the decisions." : (await done.text()).trim());
  };
  const button = (text, what) => h("button", { type: "button", onclick: () => act(what()) }, text);
  place.append(h("div", { class: "bar", role: "group", "aria-label": "Actions" },
    button("Pause", () => ({ act: "pause" })), button("Resume", () => ({ act: "resume" })), button("Wake", () => ({ act: "wake" })),
    h("label", { for: "act-count" }, "Hold at"), count, button("Hold", () => ({ act: "hold", replicas: Number(count.value) }))), answer);
};
