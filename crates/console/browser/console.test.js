// SPDX-License-Identifier: Apache-2.0
// What a person sees in the console, while a load runs.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile, mkdir } from "node:fs/promises";
import { Instance, browser, eventually, sample, watched } from "./instance.js";

const FLAGS = ["--latency", "200ms", "--concurrency", "10", "--start-up", "300ms"];
const SCALING = "{target: 5, max: 8, policy: stable-panic, stableWindow: 12s, panicWindow: 2s, idleDelay: 5s}";
const manifest = [
  sample("hello", FLAGS, SCALING),
  sample("reports", ["--latency", "50ms"], "{target: 1, min: 1, max: 4}", "reports are on their way"),
  sample("thumbnails", ["--latency", "50ms"], "{initial: 0, max: 4}"),
].join("---\n");
// Where pictures go, if they are wanted.
const PICTURES = process.env.PICTURES;

let instance;
let chrome;
let load;

before(async () => {
  instance = await Instance.start(manifest);
  chrome = await browser();
  load = instance.load("/hello", 24);
  await eventually("there are several replicas", async () => (await instance.ask("/v1/revisions/hello")).ready >= 4);
});
after(async () => {
  await load?.stop();
  await chrome?.close();
  await instance?.end();
});

const open = async (path = "", options = {}) => {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const { page, faults } = await watched(context, instance);
  await page.goto(`${instance.console}#/${path}`);
  await page.getByText("live", { exact: true }).waitFor();
  return { page, faults, close: async () => {
    assert.deepEqual(faults, []);
    await context.close();
  } };
};
const picture = async (page, name) => {
  if (!PICTURES) return;
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}/${name}.png` });
};
const accessible = async page => {
  const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const serious = violations.filter(one => ["serious", "critical"].includes(one.impact));
  assert.deepEqual(serious.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 120))]), []);
};
// The cells of a row by their columns.
const cells = async (page, name) => {
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
  return row.getByRole("cell").allInnerTexts();
};

test("the overview says what the API says", async () => {
  const { page, close } = await open();
  await page.getByRole("link", { name: "thumbnails", exact: true }).waitFor();
  assert.equal(await page.getByRole("row").count(), 4);
  await eventually("the row of reports is that of the API", async () => {
    const view = await instance.ask("/v1/revisions/reports");
    const shown = await cells(page, "reports");
    return shown.some(cell => cell.includes(`${view.ready} / ${view.wanted}`)) && shown.includes(view.why);
  });
  await eventually("so is that of one at zero", async () => (await cells(page, "thumbnails")).some(cell => cell === "zero"));
  await eventually("requests in flight are shown", async () => {
    const view = await instance.ask("/v1/revisions/hello");
    const shown = Number((await cells(page, "hello"))[1].replace(/[^\d.].*$/, ""));
    return view.inFlight > 1 && Math.abs(shown - view.inFlight) <= 0.5 * view.inFlight;
  });
  await picture(page, "console-overview");
  await close();
});

test("rows are sorted and sifted", async () => {
  const { page, close } = await open();
  const names = () => page.locator("tbody tr:not([hidden]) th").allInnerTexts();
  await page.getByRole("link", { name: "thumbnails", exact: true }).waitFor();
  assert.deepEqual(await names(), ["hello", "reports", "thumbnails"]);
  await page.getByRole("button", { name: "Revision" }).click();
  assert.deepEqual(await names(), ["thumbnails", "reports", "hello"]);
  await page.getByRole("button", { name: "In flight" }).click();
  assert.equal((await names())[0], "hello");
  await page.getByLabel("Filter").fill("THUMB");
  assert.deepEqual(await names(), ["thumbnails"]);
  await page.getByLabel("Filter").fill("nothing like it");
  await page.getByText("No revision fits the filter.").waitFor();
  await close();
});

test("a mark appears with its sentence and the numbers", async () => {
  const { page, close } = await open("hello");
  const view = await instance.ask("/v1/revisions/hello");
  const decision = view.decisions.findLast(one => one.replicas > one.from);
  const mark = page.locator(`.mark[data-at="${decision.unixMillis}"]`);
  await mark.waitFor();
  await mark.hover();
  await page.locator(".said").getByText(decision.sentence).waitFor();
  assert.match(await page.locator(".said .numbers").innerText(), new RegExp(`held ${decision.held}, target 5 each`));
  assert.equal(await page.locator(".decisions li[aria-current=true] .text").innerText(), decision.sentence);
  await eventually("the replicas are those of the API", async () => {
    const { replicas } = await instance.ask("/v1/revisions/hello");
    const rows = await page.getByRole("table", { name: "Replicas" }).locator("tbody th").allInnerTexts();
    return replicas.length === rows.length && replicas.every(one => rows.includes(one.replica));
  });
  await page.getByRole("button", { name: "ups" }).click();
  const steps = await page.locator(".decisions .step").allInnerTexts();
  assert.ok(steps.length > 0 && steps.every(step => Number(step.split(" → ")[1]) > Number(step.split(" → ")[0])), `${steps}`);
  await page.getByRole("button", { name: "all", exact: true }).click();
  await page.getByText("The figures as a table").click();
  await page.getByRole("table", { name: "Figures over time" }).locator("tbody tr").first().waitFor();
  await page.getByText("The figures as a table").click();
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, "console-revision");
  for (const range of ["1 min", "1 h", "24 h"]) {
    await page.getByRole("button", { name: range, exact: true }).click();
    assert.equal(await page.getByRole("button", { name: range, exact: true }).getAttribute("aria-pressed"), "true");
  }
  await close();
});

test("a new decision shows without a hand being moved", async () => {
  const { page, close } = await open("thumbnails");
  await page.locator(".tag", { hasText: "zero" }).waitFor();
  await instance.get("/thumbnails");
  await page.locator(".mark[data-kind=up], .mark[data-kind=panic]").first().waitFor();
  await page.locator(".decisions .text", { hasText: "0 -> 1" }).first().waitFor();
  await page.getByText("Woken by: GET /thumbnails").waitFor();
  await close();
});

test("replicas are told with their memory, their output and how they started", async () => {
  const { page, close } = await open("reports");
  const { replicas: [replica], starts: [start] } = await instance.ask("/v1/revisions/reports");
  assert.ok(replica.memoryBytes > 100_000 && start.readySeconds > 0, JSON.stringify([replica, start]));
  assert.deepEqual(replica.lastOutput, ["reports are on their way"]);
  const row = page.getByRole("table", { name: "Replicas" }).getByRole("row").filter({ hasText: replica.replica });
  assert.match(await row.innerText(), /MiB/);
  await page.getByText(`Last output of ${replica.replica}`).click();
  await page.locator("pre", { hasText: "reports are on their way" }).waitFor();
  const starts = page.getByRole("table", { name: "Cold starts" }).locator("tbody tr");
  assert.match(await starts.first().innerText(), new RegExp(`${start.replica}.*(ms|s)`, "s"));
  // Nobody had asked it until now.
  assert.equal(start.firstAnswerSeconds, undefined);
  assert.equal(await starts.first().getByRole("cell").nth(4).innerText(), "–");
  assert.equal(await instance.get("/reports"), 200);
  await eventually("the first answer is told", async () => / ms|s$/.test(await starts.first().getByRole("cell").nth(4).innerText()));
  const { starts: [answered] } = await instance.ask("/v1/revisions/reports");
  assert.ok(answered.firstAnswerSeconds >= 0.05 && answered.firstRequestSeconds > 0, JSON.stringify(answered));
  await close();
});

test("the same minutes are decided anew", async () => {
  const { page, close } = await open("hello");
  // The first stable window is left out.
  await eventually("there is enough to decide on", async () => (await instance.ask("/v1/console/what-if/hello")).at.length > 3);
  const same = await instance.ask("/v1/console/what-if/hello");
  assert.deepEqual(same.replicas, same.real);
  await page.getByText("What if: the same minutes").click();
  await page.getByLabel("Target each").fill("2.5");
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText(/replicas would have been wanted on average/).waitFor();
  const other = await instance.ask("/v1/console/what-if/hello?target=2.5");
  assert.ok(Math.max(...other.replicas) > Math.max(...other.real), JSON.stringify(other));
  await page.locator(".keys li", { hasText: "what if" }).waitFor();
  await page.getByLabel("Target each").fill("-1");
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText(/target: -1/).waitFor();
  await close();
});

test("a person acts, and it is told who did", async () => {
  const { page, close } = await open("thumbnails");
  await page.getByLabel("Hold at").fill("2");
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  await page.locator(".decisions .text", { hasText: /^held at 2 by user \d+$/ }).waitFor();
  await eventually("two are there", async () => (await instance.ask("/v1/revisions/thumbnails")).ready === 2);
  await page.locator(".tag", { hasText: "paused" }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".decisions .text", { hasText: "resumed by user" }).waitFor();
  await eventually("it scales again", async () => (await instance.ask("/v1/revisions/thumbnails")).mode !== "paused");
  await page.getByLabel("Hold at").fill("5000");
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  await page.getByText(/replicas: 5000/).waitFor();
  const form = await fetch(new URL("/v1/console/act/thumbnails", instance.console), { method: "POST", body: JSON.stringify({ act: "wake" }), headers: { "content-type": "application/json" } });
  assert.equal(form.status, 403);
  await close();
});

test("the keyboard alone is enough", async () => {
  const { page, close } = await open();
  await page.getByRole("link", { name: "hello", exact: true }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  for (let tabs = 0; tabs < 20 && (await focused()) !== "hello"; tabs++) await page.keyboard.press("Tab");
  assert.equal(await focused(), "hello");
  await page.keyboard.press("Enter");
  await page.locator(".mark").first().waitFor();
  const isMark = () => page.evaluate(() => document.activeElement.className === "mark");
  for (let tabs = 0; tabs < 20 && !(await isMark()); tabs++) await page.keyboard.press("Tab");
  assert.ok(await isMark());
  await page.keyboard.press("Home");
  const label = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const sentence = label.split(": ").slice(1).join(": ");
  await page.locator(".said").getByText(sentence).waitFor();
  await close();
});

test("a phone in the dark", async () => {
  const { page, close } = await open("", { viewport: { width: 360, height: 740 }, colorScheme: "dark", reducedMotion: "reduce" });
  await page.getByRole("link", { name: "hello", exact: true }).waitFor();
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits(), "the overview is wider than the screen");
  const [paper, ink] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]);
  const light = text => text.match(/\d+/g).slice(0, 3).map(Number).reduce((sum, one) => sum + one) / 3;
  assert.ok(light(paper) < 60 && light(ink) > 180, `${paper} ${ink}`);
  await accessible(page);
  await picture(page, "console-phone-overview");
  await page.getByRole("link", { name: "hello", exact: true }).click();
  await page.locator(".mark").first().waitFor();
  assert.ok(await fits(), "the revision is wider than the screen");
  await accessible(page);
  await picture(page, "console-phone");
  await close();
});

test("no serious fault of accessibility", async () => {
  const { page, close } = await open();
  await page.getByRole("link", { name: "hello", exact: true }).waitFor();
  await accessible(page);
  await page.getByRole("link", { name: "hello", exact: true }).click();
  await page.locator(".mark").first().waitFor();
  await accessible(page);
  await close();
});

test("of many rows only those in view are drawn, and all can be reached", async () => {
  const names = Array.from({ length: 300 }, (_, index) => `service-${String(index).padStart(3, "0")}`);
  const crowd = await Instance.start(names.map(name => sample(name, [], "{initial: 0, max: 1}")).join("---\n"));
  const context = await chrome.newContext({ viewport: { width: 1280, height: 860 } });
  const { page, faults } = await watched(context, crowd);
  await page.goto(crowd.console);
  const row = name => page.locator(`#main tr[data-name="${name}"]`);
  const charts = () => page.locator("#main canvas").count();
  await eventually("all rows are there", async () => (await page.locator("#main tbody tr").count()) === names.length);
  await row("service-000").locator("canvas").waitFor();
  assert.ok((await charts()) < 60, `${await charts()} charts`);
  // The next row by the keyboard, from the last that is drawn.
  const drawn = await page.locator("#main tr:has(canvas)").last().getAttribute("data-name");
  await row(drawn).getByRole("link").focus();
  await page.keyboard.press("Tab");
  const next = names[names.indexOf(drawn) + 1];
  assert.equal(await page.evaluate(() => document.activeElement.textContent), next);
  await row(next).locator("canvas").waitFor();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await row("service-299").locator("canvas").waitFor();
  await row("service-000").locator("canvas").waitFor({ state: "detached" });
  assert.ok((await charts()) < 60, `${await charts()} charts`);
  await page.getByRole("button", { name: "Revision" }).click();
  assert.equal(await page.locator("#main tbody tr").first().getAttribute("data-name"), "service-299");
  await page.getByLabel("Filter").fill("service-29");
  await eventually("those that fit are left", async () => (await page.locator("#main tbody tr").count()) === 10);
  assert.equal(await page.getByRole("row").count(), 11);
  await accessible(page);
  await page.getByLabel("Filter").fill("");
  await eventually("all are back", async () => (await page.locator("#main tbody tr").count()) === names.length);
  // A row that changes while it has the focus keeps it.
  await row("service-150").getByRole("link").focus();
  await crowd.get("/service-150");
  await eventually("it is awake", async () => (await row("service-150").locator(".count").innerText()) === "1 / 1");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "service-150");
  assert.deepEqual(faults, []);
  await context.close();
  await crowd.end();
});

test("a page from elsewhere gets nothing", async () => {
  const { hostname, port } = new URL(instance.console);
  const { default: http } = await import("node:http");
  const status = await new Promise(done => http.get({ hostname, port, path: "/v1/revisions", headers: { host: "evil.example" } }, answer => done(answer.resume().statusCode)));
  assert.equal(status, 421);
});

test("a restart of the server is survived, and said", async () => {
  const port = new URL(instance.console).port;
  instance.flags = ["--admin", `127.0.0.1:${port}`];
  const { page, close } = await open("reports");
  await load.stop();
  await instance.stop();
  await page.getByText("connection lost").waitFor();
  await instance.begin();
  await page.getByText("connected again: the server was restarted at").waitFor();
  // Started without --allow-actions, it does not act.
  const act = await fetch(new URL("/v1/console/act/reports", instance.console), { method: "POST", headers: { "x-cheerful-act": "1", "content-type": "application/json" }, body: JSON.stringify({ act: "wake" }) });
  assert.equal(act.status, 404);
  await eventually("figures are those of the new one", async () => (await page.locator(".facts dd").allInnerTexts())[3] === "1");
  await close();
});
