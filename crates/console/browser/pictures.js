// SPDX-License-Identifier: Apache-2.0
// Takes the pictures of the book while a load goes calm, ten times as high, calm, silent, and one more request:
//   node pictures.js ../../../docs/pictures
import { mkdir } from "node:fs/promises";
import { Instance, browser, eventually, sample, watched } from "./instance.js";

const folder = process.argv[2] ?? "pictures";
const flags = ["--latency", "200ms", "--concurrency", "10", "--start-up", "300ms"];
const pause = seconds => new Promise(done => setTimeout(done, seconds * 1000));

const instance = await Instance.start([
  sample("hello", flags, "{target: 5, max: 12, stableWindow: 12s, panicWindow: 2s, idleDelay: 5s}"),
  sample("reports", flags, "{target: 2, min: 1, max: 4}"),
  sample("search", flags, "{target: 5, max: 6}"),
  sample("thumbnails", flags, "{initial: 0, max: 4}"),
].join("---\n"), ["--admin", "127.0.0.1:0"]);
const chrome = await browser();
const loads = [instance.load("/search", 6), instance.load("/reports", 1)];
for (const [seconds, atATime] of [[20, 4], [15, 45], [25, 4], [10, 25], [20, 6]]) {
  const load = instance.load("/hello", atATime);
  await pause(seconds);
  await load.stop();
}
await eventually("hello is at zero", async () => (await instance.ask("/v1/revisions/hello")).ready === 0);
await instance.get("/hello");
const last = instance.load("/hello", 12);
await pause(8);

await mkdir(folder, { recursive: true });
const shoot = async (name, path, options) => {
  const context = await chrome.newContext(options);
  const { page } = await watched(context, instance);
  await page.goto(`${instance.console}#/${path}`);
  await page.getByText("live", { exact: true }).waitFor();
  // Two looks, so that charts and rows are drawn.
  await pause(2.5);
  if (path) {
    const marks = page.locator(".mark[data-kind=panic]");
    if (await marks.count()) await marks.last().focus();
    await pause(0.5);
  }
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
};
await shoot("console-overview", "", { viewport: { width: 1100, height: 420 } });
await shoot("console-revision", "hello", { viewport: { width: 1100, height: 1000 } });
await shoot("console-dark", "hello", { viewport: { width: 1100, height: 1000 }, colorScheme: "dark" });
await shoot("console-phone", "hello", { viewport: { width: 360, height: 740 } });
await Promise.all([...loads, last].map(load => load.stop()));
await chrome.close();
await instance.end();
