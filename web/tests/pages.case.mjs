// What holds on every page. A page is added with its address.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const PAGES = {
  home: "/", table: "/?view=table", catalogue: "/catalog?page=1", entry: "/resource/orion-ld",
  versions: "/resource/orion-ld/versions", sparql: "/sparql", validate: "/validate", vocabulary: "/ns",
  layer: "/layer/connectivity", mim: "/mim/1", twins: "/twins", about: "/about", architecture: "/about/architecture",
  strands: "/about/strands", privacy: "/about/privacy", missing: "/layer/none",
  suggest: "/suggest", correction: "/suggest?entry=orion-ld", api: "/api", "sign in": "/sign-in", twin: "/about/twin",
  match: "/match", "match for a twin": "/match?twin=differdange", "rules of matching": "/match/rules",
  statistics: "/stats", quality: "/quality", "quality of an entry": "/resource/orion-ld/quality",
};
// Pages that an administrator sees.
const DESK = {
  rules: "/admin/rules", brokers: "/admin/targets", texts: "/admin/texts", "a text": "/admin/texts/about/fr", desk: "/admin", life: "/admin/resource/orion-ld", "entry, signed in": "/resource/orion-ld",
};
const axe = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

const violations = async (page) => {
  // The policy of the pages allows no script, so it comes in by the debugger, which is not bound by it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
};

// What reaches beyond the window and lies in no box that scrolls by itself.
const wide = (page) => page.evaluate(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (clientWidth > 320) return [`the window is ${clientWidth} wide`];
  if (scrollWidth <= clientWidth) return [];
  const beyond = (e) => e.getBoundingClientRect().right > clientWidth + 1 && !e.closest(".scroll");
  return [...document.querySelectorAll("body *")].filter(beyond).map((e) => e.outerHTML.slice(0, 160));
});

const cases = [];
for (const [name, path] of Object.entries(DESK)) {
  for (const colorScheme of ["light", "dark"]) {
    cases.push([`axe finds nothing: ${name}, ${colorScheme}`, async (page, { token }) => {
      await page.goto("/sign-in");
      await page.locator("#token").fill(token);
      await page.locator("main form button").click();
      await page.goto(path);
      await page.evaluate(() => document.querySelectorAll("main details").forEach((d) => { d.open = true; }));
      assert.deepEqual(await violations(page), []);
      await page.setViewportSize({ width: 320, height: 640 });
      assert.deepEqual(await wide(page), []);
    }, { colorScheme }]);
  }
}
for (const [name, path] of Object.entries(PAGES)) {
  for (const colorScheme of ["light", "dark"]) {
    cases.push([`axe finds nothing: ${name}, ${colorScheme}`, async (page) => {
      await page.goto(path);
      assert.deepEqual(await violations(page), []);
    }, { colorScheme }]);
  }
  cases.push([`no sideways scroll at 320 px: ${name}`, async (page) => {
    await page.goto(path);
    assert.deepEqual(await wide(page), []);
  }, { viewport: { width: 320, height: 640 } }]);
  cases.push([`without script: ${name}`, async (page) => {
    await page.goto(path);
    assert.ok((await page.locator("main h1").first().innerText()).length > 2);
  }, { javaScriptEnabled: false }]);
}
for (const name of ["home", "entry", "versions", "sparql", "layer", "twins", "architecture", "suggest", "match", "match for a twin"]) {
  for (const width of [390, 1280, 2560]) {
    cases.push([`picture: ${name} at ${width}`, async (page, { output }) => {
      await page.goto(PAGES[name]);
      await page.screenshot({ path: `${output}/${name}-${width}.png` });
    }, { viewport: { width, height: 1000 } }]);
  }
}
export default cases;
