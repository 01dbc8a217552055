// The editor of queries: worked queries, completion from our own terms, tables and charts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const axe = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

// Inside the table of results, which is the component's own: its first column of numbers has no header, and the
// choice of its page size has its label beside it alone.
const EXCEPTIONS = { "empty-table-header": ".yasr", "select-name": ".yasr" };

async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = [];
  for (const { id, nodes } of violations) {
    for (const node of nodes) {
      const inside = EXCEPTIONS[id] && (await page.locator(node.target[0]).first().evaluate((e, box) => !!e.closest(box), EXCEPTIONS[id]));
      if (!inside) found.push(`${id}: ${node.html.slice(0, 160)}`);
    }
  }
  return found;
}

const run = (page) => page.locator("form[data-terms] button", { hasText: "Run" }).click();
const set = (page, text) => page.evaluate((text) => document.querySelector(".CodeMirror").CodeMirror.setValue(text), text);

const cases = [
  ["a worked query runs in the editor and its rows are shown", async (page) => {
    await page.goto("/sparql");
    await page.locator("a[data-query]").first().click();
    const example = await page.locator("[data-example] pre").first().innerText();
    await page.locator(".yasr table.dataTable tbody tr").first().waitFor();
    assert.match(await page.locator(".yasr table.dataTable tbody").innerText(), /twin-perugia/);
    assert.equal(new URL(page.url()).searchParams.get("query").trim(), example.trim());
    // The address holds the query, so that it can be shared.
    await page.goto(page.url());
    assert.match(await page.locator("main table tbody").innerText(), /twin-perugia/);
  }],
  ["the editor completes properties of ours", async (page) => {
    await page.goto("/sparql");
    await set(page, "PREFIX ldt: <https://w3id.org/ldt-catalogue/ns#>\nSELECT * { ?entry ldt:lay");
    await page.evaluate(() => {
      const { CodeMirror: editor } = document.querySelector(".CodeMirror");
      editor.focus();
      editor.setCursor(editor.lineCount(), 0);
    });
    await page.keyboard.press("Control+Space");
    await page.waitForFunction(() => /ldt:layer/.test(document.querySelector(".CodeMirror").CodeMirror.getValue()) ||
      [...document.querySelectorAll(".CodeMirror-hint")].some((h) => /layer/.test(h.textContent)));
  }],
  ["numbers are drawn as a chart, and a wrong query is told", async (page) => {
    await page.goto("/sparql");
    await set(page, "PREFIX ldt: <https://w3id.org/ldt-catalogue/ns#> SELECT ?layer (COUNT(*) AS ?entries) { ?entry ldt:layer ?layer } GROUP BY ?layer");
    await run(page);
    await page.locator(".yasr table.dataTable tbody tr").first().waitFor();
    await page.locator(".yasr .select_chart").click();
    await page.locator(".yasr table.bars meter").first().waitFor();
    assert.ok((await page.locator(".yasr table.bars tr").count()) >= 5);
    await set(page, "SELECT * { ?s ?p ");
    await run(page);
    await page.locator(".yasr .errorResult, .yasr .yasr_results:has-text('400')").first().waitFor();
  }],
];
for (const colorScheme of ["light", "dark"]) {
  cases.push([`axe finds nothing: sparql with results, ${colorScheme}`, async (page) => {
    await page.goto("/sparql");
    await run(page);
    await page.locator(".yasr table.dataTable tbody tr").first().waitFor();
    assert.deepEqual(await violations(page), []);
  }, { colorScheme }]);
}
export default cases;
