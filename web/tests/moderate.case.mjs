// Suggest, sign in, moderate: what visitors and moderators do.
import assert from "node:assert/strict";

const description = "It describes the pumps of a city so that twins can show which of them run.";

async function signIn(page, token) {
  await page.goto("/admin");
  await page.waitForURL("**/sign-in?to=admin");
  await page.locator("#token").fill(token);
  await page.locator("main form button").click();
  await page.waitForURL("**/admin");
}

async function fill(page, name) {
  await page.goto("/suggest");
  await page.locator("#short").fill(name);
  await page.locator("#description").fill(description);
  await page.locator("#kind").selectOption("Data model");
  await page.locator("#layer").selectOption("Data management");
  // What a person takes at least.
  await page.waitForTimeout(2_100);
}

export default [
  ["a suggestion is warned of duplicates, previewed, sent, accepted and published", async (page, { token }) => {
    await page.goto("/suggest");
    await page.locator("#short").pressSequentially("orion-ld");
    await page.locator("#alike a[href='/resource/orion-ld']").waitFor();
    await fill(page, "Pump Browser Model");
    await page.getByRole("button", { name: "Show a preview" }).click();
    await page.locator("#preview").waitFor();
    assert.equal(await page.locator("#short").inputValue(), "Pump Browser Model");
    await page.waitForTimeout(2_100);
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/suggest/status/*");
    const status = page.url();
    assert.match(await page.locator("main").innerText(), /waits for a moderator/);
    await signIn(page, token);
    await page.getByLabel("Pump Browser Model").check();
    await page.locator("#reason").fill("useful");
    await page.getByRole("button", { name: "Accept" }).click();
    assert.match(await page.getByRole("status").innerText(), /Done/);
    await page.goto("/resource/pump-browser-model");
    assert.match(await page.locator("h1").innerText(), /Pump Browser Model/);
    await page.goto(status);
    assert.match(await page.locator("main").innerText(), /accepted[\s\S]*useful/);
  }],
  ["a suggestion is sent without script", async (page) => {
    await fill(page, "Pump Plain Model");
    await page.getByRole("button", { name: "Send" }).click();
    await page.waitForURL("**/suggest/status/*");
  }, { javaScriptEnabled: false }],
  ["what is wrong is told at its field", async (page) => {
    await fill(page, "Pump Wrong Model");
    await page.locator("#country").fill("Italy");
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await page.locator("#country-wrong-1").innerText(), /three-letter code/);
    assert.equal(await page.locator("#country").getAttribute("aria-invalid"), "true");
  }],
  ["two moderators edit at once, and the second is shown the first", async (page, { token }) => {
    await signIn(page, token);
    const life = "/admin/resource/stellio";
    await page.goto(life);
    const other = await page.context().newPage();
    await other.goto(life);
    for (const [who, name] of [[page, "Stellio, first"], [other, "Stellio, second"]]) {
      await who.locator("#long").fill(name);
      await who.locator("form.suggestion #reason").fill("better");
      await who.getByRole("button", { name: "Send" }).click();
    }
    assert.match(await other.getByRole("alert").innerText(), /Someone else changed this entry/);
    assert.match(await other.getByRole("alert").innerText(), /Stellio, first/);
    await page.goto("/resource/stellio");
    assert.match(await page.locator("h1").innerText(), /Stellio, first/);
  }],
  ["who signs out is a visitor again", async (page, { token }) => {
    await signIn(page, token);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto("/admin");
    assert.match(page.url(), /sign-in/);
  }],
];
