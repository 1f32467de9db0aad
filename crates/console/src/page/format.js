// SPDX-License-Identifier: Apache-2.0
// How figures are written, and how elements are made.

// An element: `h("td", { class: "number" }, "3")`. Attributes that are null are left out; `on…` are listeners.
export const h = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(child => child != null));
  return element;
};

// Changes a text only where it is another one, so that nothing is laid out for nothing.
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

export const number = value =>
  value == null ? "–" : Number.isInteger(value) || value >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(value < 10 ? 2 : 1)));

const two = value => String(value).padStart(2, "0");
export const clock = (seconds, fine = true) => {
  const date = new Date(seconds * 1000);
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return fine ? `${minutes}:${two(date.getSeconds())}` : minutes;
};

export const span = seconds => {
  if (seconds == null) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Number((seconds / 3600).toFixed(1))} h`;
  return `${Math.round(seconds / 86400)} d`;
};

export const bytes = value =>
  value == null ? "–" : value < 1048576 ? `${Math.round(value / 1024)} KiB`
    : value < 1073741824 ? `${number(value / 1048576)} MiB` : `${number(value / 1073741824)} GiB`;

// By what decisions are told apart: two may fall into one millisecond.
export const keyOf = decision => `${decision.unixMillis}/${decision.from}/${decision.replicas}/${decision.mode}`;

// What a decision did: up, down, panic or same.
export const kind = decision =>
  decision.mode === "action" ? "same" : decision.mode === "panic" && decision.replicas >= decision.from ? "panic"
    : decision.replicas > decision.from ? "up" : decision.replicas < decision.from ? "down" : "same";

export const numbers = decision => decision.mode === "action" ? "by hand" :
  `stable ${number(decision.stable)}, panic ${number(decision.panic)}, held ${decision.held}, target ${number(decision.target)} each, `
  + `demand asks for ${decision.wanted}`
  + (decision.bounds?.length ? `; bound by ${decision.bounds.map(words).join(", ")}` : "");

// `panicNeverFalls` -> `panic never falls`
export const words = name => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`);

export const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
