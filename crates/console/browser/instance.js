// SPDX-License-Identifier: Apache-2.0
// A running `cheerful run`, its load, and a browser to look at it with.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import http from "node:http";
import { chromium } from "playwright-core";

const CHEERFUL = process.env.CHEERFUL ?? new URL("../../../target/debug/cheerful", import.meta.url).pathname;
// No wait is longer; a machine with other work to do is slow.
export const PATIENCE = 90_000;

export const sample = (name, flags, scaling, says = "") => `apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: ${name}}
spec:
  command: ${JSON.stringify(says ? ["sh", "-c", `echo '${says}'; exec ${CHEERFUL} sample --port {port} ${flags.join(" ")}`]
    : [CHEERFUL, "sample", "--port", "{port}", ...flags])}
  routes: [{pathPrefix: /${name}}]
  scaling: ${scaling}
`;

export class Instance {
  // Waits until it listens.
  static async start(manifest, flags = ["--admin", "127.0.0.1:0", "--allow-actions"]) {
    const instance = new Instance();
    instance.folder = await mkdtemp(join(tmpdir(), "console-"));
    instance.flags = flags;
    await writeFile(join(instance.folder, "all.yaml"), manifest);
    await instance.begin();
    return instance;
  }

  async begin() {
    const { folder, flags } = this;
    this.child = spawn(CHEERFUL, ["run", "--port", "0", "--socket", join(folder, "api.sock"), "--file", join(folder, "all.yaml"), ...flags],
      { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    const urls = await new Promise((found, failed) => {
      this.child.stderr.on("data", data => {
        log += data;
        const said = log.match(/listening on (http:\S+) \(console: (http:[^)]+)\)/);
        if (said) found(said.slice(1));
      });
      this.child.on("exit", code => failed(new Error(`cheerful run ended with ${code}: ${log}`)));
    });
    [this.url, this.console] = urls;
  }

  // As Ctrl-C would.
  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = new Promise(done => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    await ended;
  }

  async end() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async ask(path) {
    const answer = await fetch(new URL(path, this.console));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async get(path) {
    const answer = await fetch(new URL(path, this.url));
    await answer.text();
    return answer.status;
  }

  // So many requests at a time, one after another, until `stop`.
  load(path, atATime) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: atATime });
    let on = true;
    const one = () => new Promise(done => {
      const request = http.get(new URL(path, this.url), { agent }, answer => answer.resume().on("end", done).on("error", done));
      request.on("error", () => setTimeout(done, 50));
    });
    const all = Array.from({ length: atATime }, async () => {
      while (on) await one();
    });
    return {
      stop: async () => {
        on = false;
        await Promise.all(all);
        agent.destroy();
      },
    };
  }
}

export const browser = () => {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(path => path && existsSync(path));
  if (!found) throw new Error("no Chromium is installed: apt-get install chromium, or set CHROMIUM");
  return chromium.launch({ executablePath: found, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
};

// What a page must never do: say something went wrong, or ask somebody else.
export const watched = async (context, instance) => {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  page.on("pageerror", error => faults.push(String(error)));
  page.on("console", message => message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text()) && faults.push(message.text()));
  page.on("request", request => {
    const { host, protocol } = new URL(request.url());
    if (protocol !== "data:" && host !== new URL(instance.console).host) faults.push(`asked ${request.url()}`);
  });
  return { page, faults };
};

export const eventually = async (what, holds) => {
  const end = Date.now() + PATIENCE;
  let last;
  while (Date.now() < end) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await new Promise(done => setTimeout(done, 100));
  }
  throw new Error(`not within ${PATIENCE} ms: ${what}${last ? ` (${last.message})` : ""}`);
};
