// SPDX-License-Identifier: Apache-2.0
// What is so now: all rows, kept true by one stream of server-sent events.
//
// Tells by events: `rows` (detail: the names that changed, or null for all), `decision`, `state`.

class Live extends EventTarget {
  rows = new Map();
  at = 0;
  keptSeconds = 86400;
  // connecting, up, lost
  state = "connecting";
  note = "";
  #started = null;
  #source = null;
  #again = null;
  #wait = 500;

  open() {
    if (this.#source) return;
    const source = new EventSource("/v1/console/live");
    this.#source = source;
    source.addEventListener("hello", event => this.#hello(JSON.parse(event.data)));
    source.addEventListener("rows", event => this.#changes(JSON.parse(event.data)));
    source.addEventListener("decision", event => {
      this.dispatchEvent(new CustomEvent("decision", { detail: JSON.parse(event.data) }));
    });
    source.onerror = () => {
      this.#turn("lost", "connection lost: shown is what was last known; trying again");
      // The browser gives up by itself after some answers; a person would not.
      this.close();
      this.#again = setTimeout(() => this.open(), this.#wait);
      this.#wait = Math.min(5000, this.#wait * 1.5);
    };
  }

  close() {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }

  #hello({ started, rows, keptSeconds }) {
    this.keptSeconds = keptSeconds;
    const restarted = this.#started !== null && this.#started !== started;
    const wasLost = this.state === "lost";
    this.#started = started;
    this.#wait = 500;
    this.rows = new Map(rows.map(row => [row.revision, row]));
    const note = restarted ? `connected again: the server was restarted at ${new Date(started).toLocaleTimeString()}`
      : wasLost ? "connected again" : "live";
    this.#turn("up", note);
    this.dispatchEvent(new CustomEvent("rows", { detail: null }));
    if (restarted) this.dispatchEvent(new Event("restart"));
  }

  #changes({ at, rows, gone }) {
    this.at = at;
    for (const row of rows) this.rows.set(row.revision, row);
    for (const name of gone) this.rows.delete(name);
    this.dispatchEvent(new CustomEvent("rows", { detail: [...rows.map(row => row.revision), ...gone] }));
  }

  #turn(state, note) {
    this.state = state;
    this.note = note;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();

export const ask = async path => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status}`);
  return answer.json();
};

// A name in a path: a name in a cluster has a slash.
export const inPath = name => name.split("/").map(encodeURIComponent).join("/");
