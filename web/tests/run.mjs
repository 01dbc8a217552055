// Looks at the pages in a browser: the real program on a free port, Debian's Chromium, nothing from elsewhere.
// Usage: node tests/run.mjs PROGRAM [WORD ...] runs the cases whose names hold one of the words.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { provider as started } from "./provider.mjs";

const [program, ...words] = process.argv.slice(2);
const folder = import.meta.dirname;
const dir = mkdtempSync(join(tmpdir(), "ldt-catalogue-browser-"));
const provider = await started();
// A broker that does not answer, so that its page has something to tell.
const config = `${dir}.toml`;
writeFileSync(config, '[[publish.targets]]\nname = "city"\nkind = "orion-ld"\nurl = "http://127.0.0.1:9"\n');
const service = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--config", config], {
  env: { ...process.env, ...provider.settings },
  stdio: ["ignore", "pipe", "ignore"],
});
const base = await new Promise((resolve, reject) => {
  service.stdout.once("data", (line) => resolve(String(line).trim().replace("listening on ", "")));
  service.once("exit", (code) => reject(new Error(`the service ended with ${code}`)));
});
await provider.open(base);
while ((await fetch(`${base}/readyz`)).status !== 200) await new Promise((next) => setTimeout(next, 50));

// A token with all rights, as the operator makes one.
const made = spawnSync(program, ["--data-dir", dir, "token", "add", "--role", "administrator", "--name", "Ada"]);
const token = String(made.stdout).split("\n")[0];

const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const output = join(folder, "../output");
mkdirSync(output, { recursive: true });

// Each case gets a page of its own; what any page asks of another site fails the case.
let failed = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith(".case.mjs")).sort()) {
  const { default: cases } = await import(join(folder, file));
  for (const [name, look, options] of cases) {
    if (words.length && !words.some((word) => name.includes(word))) continue;
    const context = await browser.newContext({ baseURL: base, locale: "en", ...options });
    const foreign = [];
    const allowed = [base, "data:", ...(options?.provider ? [provider.issuer] : [])];
    const leaves = (url) => !allowed.some((start) => String(url).startsWith(start));
    await context.route(leaves, (route) => route.abort());
    context.on("request", (request) => {
      // What the provider's own pages ask for is not ours.
      const theirs = request.headers().referer?.startsWith(provider.issuer);
      if (leaves(request.url()) && !theirs) foreign.push(request.url());
    });
    try {
      await look(await context.newPage(), { base, output, token, provider });
      if (foreign.length) throw new Error(`asked of other sites: ${foreign}`);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.error(`FAILED  ${name}\n${error.stack}`);
    }
    await context.close();
  }
}
await browser.close();
provider.close();
const ended = new Promise((resolve) => service.once("exit", resolve));
service.kill();
await ended;
rmSync(dir, { recursive: true });
rmSync(config);
process.exit(failed ? 1 : 0);
