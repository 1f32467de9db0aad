// SPDX-License-Identifier: Apache-2.0
// What the page weighs, how soon it is painted, how smooth it is with many rows, and what it costs the server:
//   CHEERFUL=../../../target/release/cheerful node measure.js
import { readFile } from "node:fs/promises";
import { Instance, browser, eventually, sample, watched } from "./instance.js";

const SECONDS = 30;
const TICKS = 100;

const many = count => Array.from({ length: count }, (_, index) =>
  sample(`service-${String(index).padStart(4, "0")}`, [], "{initial: 0, max: 4}")).join("---\n");

// Seconds of CPU that the process itself had, its replicas apart.
const cpu = async pid => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
};
const used = async pid => {
  const before = await cpu(pid);
  await new Promise(done => setTimeout(done, SECONDS * 1000));
  return (100 * ((await cpu(pid)) - before)) / SECONDS;
};
const show = (what, value) => console.log(`${what.padEnd(60)} ${value}`);

const chrome = await browser();
for (const count of [100, 1000]) {
  const instance = await Instance.start(many(count));
  const context = await chrome.newContext({ viewport: { width: 1280, height: 860 } });
  const sizes = [];
  const { page, faults } = await watched(context, instance);
  page.on("response", async answer => {
    if (answer.url().includes("/v1/")) return;
    sizes.push((await answer.request().sizes()).responseBodySize);
  });
  if (count === 100) {
    show("server, 100 revisions at rest, nobody looks: % of a core", (await used(instance.child.pid)).toFixed(2));
  }
  await page.goto(instance.console);
  await eventually("all rows are there", async () => (await page.locator("tbody tr").count()) === count);
  if (count === 100) {
    show("page, compressed: KB", (sizes.reduce((sum, size) => sum + size, 0) / 1000).toFixed(1));
    const paints = [];
    for (let run = 0; run < 5; run++) {
      const fresh = await chrome.newContext({ viewport: { width: 1280, height: 860 } });
      const other = await fresh.newPage();
      await other.goto(instance.console);
      await other.locator("tbody tr").first().waitFor();
      paints.push(await other.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
      await fresh.close();
    }
    show("first contentful paint on loopback, nothing cached, median of 5: ms", paints.sort((a, b) => a - b)[2].toFixed(0));
  }
  // A load on one in ten, so that rows change each second.
  const busy = Array.from({ length: 10 }, (_, index) => instance.load(`/service-${String(index * 10).padStart(4, "0")}`, 1));
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const frame = now => {
      window.longest = Math.max(window.longest, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await page.mouse.move(600, 500);
  for (let turn = 0; turn < 20; turn++) {
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(100);
  }
  show(`${count} rows, ten of them under load: longest frame while scrolling, ms`, (await page.evaluate(() => window.longest)).toFixed(0));
  await Promise.all(busy.map(one => one.stop()));
  await eventually("nothing is in flight", async () => (await instance.ask("/v1/revisions")).every(one => one.inFlight === 0));
  show(`server, ${count} revisions, ten of them just used, one viewer: % of a core`, (await used(instance.child.pid)).toFixed(2));
  if (faults.length) console.log(faults);
  await context.close();
  await instance.end();
}
await chrome.close();
