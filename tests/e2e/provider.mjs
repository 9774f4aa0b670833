// The identity provider: the certified `oidc-provider`, in this process, with people of our own.

import { exportJWK, generateKeyPair } from 'jose';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { ask } from './helpers.mjs';

const claims = { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] };

/**
 * A provider at `http://localhost:port` for guestpass as its client, which may start and stop. `programs` are further
 * clients, `people` claims by subject; `alg` is what it signs with, `features`, `acrValues` and `more` are for its library.
 */
export class Idp {
  constructor({ port, client, programs = [], people, alg = 'ES256', features = {}, acrValues = [], more = {} }) {
    Object.assign(this, { port, client, programs, people, alg, features, acrValues, more, issuer: `http://localhost:${port}` });
  }

  async start() {
    await this.rotateKeys();
    this.server = createServer((request, response) => {
      const answered = request.url.startsWith('/interaction/')
        ? this.#interact(request, response)
        : this.provider.callback()(request, response);
      Promise.resolve(answered).catch((error) => response.writeHead(500).end(`${error.stack}`));
    });
    this.server.listen(this.port, 'localhost');
    await once(this.server, 'listening');
  }

  stop() {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  /** Signs with a new key from now on, and publishes no other. Sessions go on. */
  async rotateKeys() {
    const { privateKey } = await generateKeyPair(this.alg, { extractable: true });
    const key = { ...(await exportJWK(privateKey)), alg: this.alg, use: 'sig', kid: crypto.randomUUID() };
    this.provider = new Provider(this.issuer, {
      claims,
      jwks: { keys: [key] },
      clients: [{ ...this.client, id_token_signed_response_alg: this.alg }, ...this.programs],
      acrValues: this.acrValues,
      cookies: { keys: [this.client.client_secret ?? 'a-key-for-cookies'] },
      findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...this.people[sub] }) }),
      interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
      // Our own pages ask for no consent: everything that a client asks for is granted.
      loadExistingGrant: ({ oidc }) => this.#grant(oidc),
      fetch: direct,
      features: { devInteractions: { enabled: false }, rpInitiatedLogout: { logoutSource }, ...this.features },
      pkce: { required: () => true },
      ttl: { AccessToken: 600, Grant: 3600, IdToken: 600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
      ...this.more,
    });
  }

  async #grant({ session, client, requestParamScopes }) {
    const grant = new this.provider.Grant({ accountId: session.accountId, clientId: client.clientId });
    grant.addOIDCScope([...requestParamScopes].join(' '));
    await grant.save();
    return grant;
  }

  /** The sign-in page: one button a person. */
  async #interact(request, response) {
    if (request.method === 'POST') {
      let form = '';
      for await (const chunk of request) form += chunk;
      const { params } = await this.provider.interactionDetails(request, response);
      // Whoever is asked for more proves it by the same button.
      const login = { accountId: new URLSearchParams(form).get('sub'), acr: params.acr_values?.split(' ')[0] };
      return this.provider.interactionFinished(request, response, { login });
    }
    const { uid } = await this.provider.interactionDetails(request, response);
    const buttons = Object.keys(this.people).map((sub) => `<button name="sub" value="${sub}">${sub}</button>`);
    response.setHeader('content-type', 'text/html');
    return response.end(`<h1>Who are you?</h1><form method="post" action="/interaction/${uid}">${buttons.join('')}</form>`);
  }
}

/** What the provider asks directly: its own way refuses loopback, which is all there is here. */
async function direct(url, { method, headers, body }) {
  const { status, text } = await ask(url, { method, headers: Object.fromEntries(new Headers(headers)), body: `${body}` });
  return new Response(text || null, { status });
}

function logoutSource(ctx, form) {
  ctx.body = `<h1>Sign out of the provider?</h1>${form}
    <button form="op.logoutForm" name="logout" value="yes">Yes, sign out</button>`;
}
