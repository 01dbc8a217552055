// A real OpenID Connect provider on this machine: whoever signs in has the roles that their name begins with.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import Provider from "oidc-provider";

const secret = "a secret of this test alone";

// A key pair as the provider keeps it and as a test signs with it.
async function key(kid) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" } };
}

export async function provider() {
  let handle = (_, response) => response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  await new Promise((next) => server.listen(0, "127.0.0.1", next));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const self = {
    issuer,
    // What the catalogue is told of it.
    settings: {
      LDT_CATALOGUE_SIGN_IN_ISSUER: issuer,
      LDT_CATALOGUE_SIGN_IN_NAME: "the city",
      LDT_CATALOGUE_SIGN_IN_CLIENT_SECRET: secret,
    },
    // Begins to answer, or answers with another key; `base` is the catalogue.
    async open(base, kid = "first") {
      self.key = await key(kid);
      const clients = [
        { client_id: "ldt-catalogue", client_secret: secret, redirect_uris: [`${base}/sign-in/callback`] },
        {
          client_id: "ldt-moderator-harvester",
          client_secret: secret,
          grant_types: ["client_credentials"],
          response_types: [],
          redirect_uris: [],
        },
      ];
      const roles = (id) => [id.split("-").slice(0, 2).join("-"), "something-else"];
      const it = new Provider(issuer, {
        clients,
        jwks: { keys: [self.key.jwk] },
        claims: { openid: ["sub"], profile: ["preferred_username", "roles"] },
        findAccount: (_, id) => ({
          accountId: id,
          claims: () => ({ sub: id, preferred_username: id, roles: roles(id) }),
        }),
        extraTokenClaims: (_, token) => ({ roles: roles(token.clientId) }),
        features: {
          clientCredentials: { enabled: true },
          resourceIndicators: {
            enabled: true,
            getResourceServerInfo: (_, resource) => ({ scope: "", audience: resource, accessTokenFormat: "jwt" }),
          },
        },
        ttl: { Interaction: 300, Session: 300, Grant: 300, AccessToken: 300, IdToken: 300, ClientCredentials: 300 },
        cookies: { keys: ["one key of this test"] },
      });
      handle = it.callback();
    },
    // A token that a program is given for the catalogue.
    async token(base) {
      const answer = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`ldt-moderator-harvester:${encodeURIComponent(secret)}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials", resource: base }),
      });
      return (await answer.json()).access_token;
    },
    // A token as the provider would sign it, but for what `claims` says otherwise.
    sign(base, claims = {}, header = {}, by = self.key.privateKey) {
      const now = Math.floor(Date.now() / 1_000);
      const usual = { iss: issuer, aud: base, sub: "ada", exp: now + 300, iat: now, roles: ["ldt-moderator"] };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg: "RS256", kid: self.key.jwk.kid, ...header })
        .sign(by);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return self;
}
