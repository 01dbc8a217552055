// What readers do: [name, what happens, options of the browser's context].
import assert from "node:assert/strict";

const total = (page) => page.locator("main").innerText().then((text) => Number(text.match(/(\d+) entr/)[1]));

export default [
  ["filter, then share the address", async (page, { base }) => {
    await page.goto("/");
    const all = await total(page);
    await page.locator("input[name=layer][value=connectivity]").check();
    await page.locator(".words button").click();
    assert.match(page.url(), /layer=connectivity/);
    const some = await total(page);
    assert.ok(some > 0 && some < all);
    const other = await page.context().browser().newPage();
    await other.goto(page.url());
    assert.equal(await total(other), some);
    await other.close();
    assert.ok(page.url().startsWith(base));
  }],
  ["search by words", async (page) => {
    await page.goto("/");
    await page.locator("input[name=q]").fill("context broker");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=context/);
    assert.ok(await page.locator("main a[href*='/resource/orion-ld']").count() > 0);
  }],
  ["sort by title", async (page) => {
    await page.goto("/?sort=title");
    const titles = await page.locator(".card h2").allInnerTexts();
    assert.ok(titles.length > 5);
    assert.deepEqual(titles, titles.toSorted((a, b) => a.localeCompare(b, "en")));
  }],
  ["a query without script", async (page) => {
    await page.goto("/sparql");
    await page.locator("textarea").fill("SELECT (COUNT(*) AS ?n) WHERE { ?s a <http://www.w3.org/ns/dcat#Dataset> }");
    await page.locator("main form button").first().click();
    await page.waitForURL(/query=/);
    assert.match(await page.locator("main table td").first().innerText(), /^\d{3}/);
  }, { javaScriptEnabled: false }],
  ["the map leads to an entry by keyboard", async (page) => {
    await page.goto("/twins");
    await page.locator(".map a[href='/resource/twin-perugia']").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/resource/twin-perugia");
  }],
  ["a field of the map leads to the search there", async (page) => {
    await page.goto("/twins");
    await page.locator(".map a[href*='bbox=10,40,20,50']").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?bbox=10,40,20,50");
    assert.ok(await total(page) > 0);
  }],
  ["the language can be changed and stays", async (page) => {
    await page.goto("/about");
    await page.locator(".languages a[lang=de]").click();
    await page.goto("/twins");
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    assert.equal(await page.locator("h1").innerText(), "Zwillinge auf der Karte");
  }],
  ["a number of the statistics leads to the entries that it counts", async (page) => {
    await page.goto("/stats");
    await page.getByText("table", { exact: false }).first().waitFor();
    await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
    const number = page.locator("main table tbody td a").first();
    const count = (await number.innerText()).trim();
    await number.click();
    assert.match(await page.locator("main").innerText(), new RegExp(`\\b${count} entr`));
  }],
  ["the first thing that Tab reaches leads to the content", async (page) => {
    await page.goto("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "#main");
  }],
  ["the first page is at most 100 kB", async (page) => {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    let bytes = 0;
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
    await page.goto("/", { waitUntil: "networkidle" });
    assert.ok(bytes > 1000 && bytes <= 100_000, `${bytes} bytes`);
  }],
];
