// SPDX-License-Identifier: Apache-2.0
// Which view is shown, and whether what it shows is live.
import { live } from "./live.js";
import { say } from "./format.js";
import { overview } from "./overview.js";
import { revision } from "./revision.js";

const main = document.getElementById("main");
let leave = () => {};
let first = true;

const show = () => {
  leave();
  const name = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  main.replaceChildren();
  leave = name ? revision(main, name) : overview(main);
  document.title = name ? `${name} – cheerful` : "cheerful";
  if (!first) {
    scrollTo(0, 0);
    main.focus();
  }
  first = false;
};

const link = document.getElementById("link");
live.addEventListener("state", () => {
  link.dataset.state = live.state;
  say(document.getElementById("link-text"), live.note);
});
document.getElementById("skip").addEventListener("click", event => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
// A page that nobody sees costs nothing, and browsers allow few streams at once.
document.addEventListener("visibilitychange", () => (document.hidden ? live.close() : live.open()));
show();
live.open();
