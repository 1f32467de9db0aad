// SPDX-License-Identifier: Apache-2.0
// The same minutes decided anew with other settings, drawn over the real ones.
import { ask, inPath } from "./live.js";
import { h, number, say } from "./format.js";

// [name in the question, label, kind]
const FIELDS = [
  ["target", "Target each", "number"], ["max", "Max", "number"], ["min", "Min", "number"], ["stableWindow", "Stable window, s", "number"],
];

export const whatIf = (place, name, chart) => {
  const inputs = Object.fromEntries(FIELDS.map(([key, , type]) => [key, h("input", { type, id: `if-${key}`, min: "0", step: "any", size: "6" })]));
  const policy = h("select", { id: "if-policy" }, [["", "as it is"], ["stable-panic", "stable and panic windows"], ["auto", "auto"]]
    .map(([value, text]) => h("option", { value }, text)));
  const answer = h("p", { class: "note", role: "status" });
  const form = h("form", { class: "bar", novalidate: true, onsubmit: event => {
    event.preventDefault();
    replay();
  } }, FIELDS.map(([key, label]) => [h("label", { for: `if-${key}` }, label), inputs[key]]),
  h("label", { for: "if-policy" }, "Policy"), policy, h("button", { type: "submit" }, "Replay"),
  h("button", { type: "reset", onclick: () => {
    chart.whatIf(null);
    say(answer, "");
  } }, "Clear"));
  place.append(h("details", {}, h("summary", {}, "What if: the same minutes with other settings"),
    h("p", { class: "note" }, "The reports of the last minutes are decided on anew. The replicas in them are those that there were, so a count far from the real one is a first guess; cheerful simulate plays it through."),
    form, answer));

  const replay = async () => {
    const asked = new URLSearchParams();
    for (const [key, input] of Object.entries(inputs)) if (input.value) asked.set(key, input.value);
    if (policy.value) asked.set("policy", policy.value);
    say(answer, "replaying");
    try {
      const { at, replicas, real } = await ask(`/v1/console/what-if/${inPath(name)}?${asked}`);
      chart.whatIf({ at, replicas });
      const mean = counts => {
        let [sum, time] = [0, 0];
        for (let index = 1; index < at.length; index++) {
          sum += counts[index - 1] * (at[index] - at[index - 1]);
          time += at[index] - at[index - 1];
        }
        return time > 0 ? sum / time : counts[0] ?? 0;
      };
      const minutes = at.length ? (at.at(-1) - at[0]) / 60 : 0;
      say(answer, at.length
        ? `Over ${number(minutes)} minutes ${number(mean(replicas))} replicas would have been wanted on average, in place of ${number(mean(real))}; at most ${Math.max(...replicas)}, in place of ${Math.max(...real)}.`
        : "Nothing has been heard of it for long enough.");
    } catch (error) {
      say(answer, error.message);
    }
  };
};
