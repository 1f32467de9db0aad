// SPDX-License-Identifier: Apache-2.0
// What a person may do, if the server was started with --allow-actions.
import { ask, inPath, live } from "./live.js";
import { h, say } from "./format.js";

const BUTTONS = { pause: "Pause", resume: "Resume", wake: "Wake" };

// Gives what asks again what may be done: another server may answer.
export const acts = (place, name) => {
  const answer = h("p", { class: "note", role: "status" });
  const act = async what => {
    const done = await fetch(`/v1/console/act/${inPath(name)}`, {
      method: "POST", headers: { "content-type": "application/json", "x-cheerful-act": "1" }, body: JSON.stringify(what),
    }).catch(error => ({ ok: false, text: async () => error.message }));
    say(answer, done.ok ? "Done; it is told with your name." : (await done.text()).trim());
  };
  const button = (text, what) => h("button", { type: "button", onclick: () => act(what()) }, text);
  let offered = "";
  const offer = allowed => {
    if (String(allowed) === offered) return;
    offered = String(allowed);
    const count = h("input", { type: "number", id: "act-count", min: "0", step: "1", size: "5", value: live.rows.get(name)?.wanted ?? 1 });
    place.replaceChildren(...(allowed.length ? [h("div", { class: "bar", role: "group", "aria-label": "Actions" },
      Object.entries(BUTTONS).filter(([what]) => allowed.includes(what)).map(([what, text]) => button(text, () => ({ act: what }))),
      allowed.includes("hold") ? [h("label", { for: "act-count" }, "Hold at"), count,
        button("Hold", () => ({ act: "hold", replicas: Number(count.value) }))] : []), answer] : []));
  };
  return () => ask("/v1/console/acts").then(offer, () => offer([]));
};
