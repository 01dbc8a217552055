// Signing in at a provider, and what its tokens allow programs.
import assert from "node:assert/strict";
import { exportSPKI, generateKeyPair } from "jose";
import { createPublicKey } from "node:crypto";

// From the catalogue to the provider as someone.
async function leaveAs(page, name) {
  await page.goto("/admin");
  await page.waitForURL("**/sign-in?to=admin");
  await page.getByRole("link", { name: "Sign in with the city" }).click();
  await page.locator("[name=login]").fill(name);
  await page.locator("[name=password]").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const elsewhere = { provider: true };

// What an entry's deletion without a version is answered with: the token counts (428), or why it does not.
async function tried(base, token) {
  const answer = await fetch(`${base}/api/resources/orion-ld`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: answer.status, why: (await answer.json()).detail };
}

export default [
  ["a moderator signs in at the provider and out again", async (page) => {
    await leaveAs(page, "ldt-moderator-ada");
    await page.waitForURL("**/admin");
    assert.match(await page.locator("body").innerText(), /ldt-moderator-ada/);
    const kept = await page.context().cookies();
    const session = kept.find((c) => c.name === "session");
    assert.ok(session.httpOnly && session.sameSite === "Lax");
    assert.ok(!kept.some((c) => c.name === "sign-in"), "what was kept on the way is gone");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto("/admin");
    await page.waitForURL("**/sign-in?to=admin");
  }, elsewhere],
  ["who is known but has no role is told so and not signed in", async (page) => {
    await leaveAs(page, "visitor-bob");
    assert.match(await page.getByRole("alert").innerText(), /visitor-bob is known, but has no role/);
    await page.goto("/admin");
    await page.waitForURL("**/sign-in?to=admin");
  }, elsewhere],
  ["signing in that was given up, or not begun in this browser, leads nowhere", async (page, { provider, base }) => {
    await page.goto("/sign-in");
    await page.getByRole("link", { name: "Sign in with the city" }).click();
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL("**/sign-in/callback?*");
    assert.match(await page.getByRole("alert").innerText(), /access_denied/);
    const answer = await page.goto(`/sign-in/callback?code=stolen&state=stolen&iss=${provider.issuer}`);
    assert.equal(answer.status(), 401);
    assert.match(await page.getByRole("alert").innerText(), /not begun in this browser/);
    // The state is right, the code is not.
    const out = await page.request.get("/sign-in/provider", { maxRedirects: 0 });
    const door = new URL(out.headers().location);
    assert.equal(door.searchParams.get("code_challenge_method"), "S256");
    const state = door.searchParams.get("state");
    const back = await page.request.get(`/sign-in/callback?code=stolen&state=${state}`);
    assert.equal(back.status(), 401);
    assert.match(await back.text(), /invalid_grant/);
    assert.equal((await page.request.get(`${base}/admin`)).status(), 401);
  }, elsewhere],
  ["a page to sign in at leads back to no other site", async (page) => {
    await page.goto("/sign-in?to=//evil.example");
    await page.getByRole("link", { name: "Sign in with the city" }).click();
    await page.locator("[name=login]").fill("ldt-administrator-eve");
    await page.locator("[name=password]").fill("any");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/admin");
  }, elsewhere],
  ["a program writes with the provider's token, and with no other", async (_, { provider, base }) => {
    assert.equal((await tried(base, await provider.token(base))).status, 428);
    assert.equal((await tried(base, await provider.sign(base))).status, 428);
    const now = Math.floor(Date.now() / 1_000);
    const other = (await generateKeyPair("RS256")).privateKey;
    const published = await exportSPKI(createPublicKey({ key: provider.key.jwk, format: "jwk" }));
    const text = (value) => btoa(JSON.stringify(value)).replaceAll("=", "");
    const unsigned = `${text({ alg: "none" })}.${text({ iss: provider.issuer, aud: base, exp: now + 300 })}.`;
    for (const [token, why] of [
      [await provider.sign(base, { exp: now - 3_600 }), /Expired/],
      [await provider.sign(base, { nbf: now + 3_600 }), /Immature/],
      [await provider.sign(base, { exp: undefined }), /claim: exp/],
      [await provider.sign(base, { aud: "ldt-catalogue" }), /Audience/],
      [await provider.sign(base, { aud: undefined }), /claim: aud/],
      [await provider.sign(base, { iss: "http://127.0.0.1:1" }), /Issuer/],
      [await provider.sign(base, {}, {}, other), /Signature/],
      [await provider.sign(base, {}, { kid: "unheard-of" }), /does not publish/],
      [await provider.sign(base, {}, { alg: "HS256" }, new TextEncoder().encode(published)), /HS256/],
      [unsigned, /not good/],
      ["x.y.z", /not good/],
      [`${"x".repeat(20_000)}.y.z`, /more than/],
    ]) {
      const { status, why: said } = await tried(base, token);
      assert.equal(status, 401, said);
      assert.match(said, why);
    }
    const reader = await tried(base, await provider.sign(base, { roles: ["something-else"] }));
    assert.equal(reader.status, 403, reader.why);
  }],
  ["a provider that changes its key is asked for the new one, and one that is away is remembered", async (_, { provider, base }) => {
    const before = await provider.sign(base);
    assert.equal((await tried(base, before)).status, 428);
    await provider.open(base, "second");
    let answer;
    // It is left alone for some seconds after it was asked.
    for (let n = 0; n < 60 && answer?.status !== 428; n++) {
      answer = await tried(base, await provider.sign(base));
      await new Promise((next) => setTimeout(next, 500));
    }
    assert.equal(answer.status, 428, answer.why);
    assert.equal((await tried(base, before)).status, 401, "the former key counts no more");
    provider.close();
    assert.equal((await tried(base, await provider.sign(base))).status, 428);
    assert.equal((await tried(base, await provider.sign(base, {}, { kid: "third" }))).status, 401);
  }],
];
