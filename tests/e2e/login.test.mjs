// Signing in as browsers do it: several tabs, old tabs, lost cookies, the back button, two providers, a second look.
// The providers are the certified one, each with a client of another kind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Idp } from './provider.mjs';
import { startWiki } from './wiki.mjs';
import {
  ask, binary, browser, commandsOf, eventually, freePort, heading, isUp, sleep, start, stop, temporaryFolder,
} from './helpers.mjs';

const people = {
  erin: { name: 'Erin Employee', email: 'erin@example.com', email_verified: true, groups: ['employees'] },
  ella: { name: 'Ella Employee', email: 'ella@example.com', email_verified: true, groups: ['employees'] },
};
const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const [port, staffPort, partnersPort, wikiPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
const access = `http://access.localhost:${port}`;
const wikiUrl = `http://wiki.localhost:${port}/`;
const redirects = { redirect_uris: [`${access}/callback`], post_logout_redirect_uris: [`${access}/signed-out`] };
const api = `${wikiUrl}api`;
const ours = await generateKeyPair('ES256', { extractable: true });
const staff = new Idp({
  port: staffPort,
  people,
  alg: 'PS256',
  acrValues: ['gold'],
  features: { pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } },
  client: {
    client_id: 'guestpass',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ ...(await exportJWK(ours.publicKey)), kid: 'ours', use: 'sig', alg: 'ES256' }] },
    ...redirects,
  },
});
const partners = new Idp({
  port: partnersPort,
  people: { paul: { name: 'Paul Partner', email: 'paul@partner.example', email_verified: true, groups: ['employees'] } },
  client: {
    client_id: 'guestpass',
    client_secret: 'a-secret-between-the-two',
    token_endpoint_auth_method: 'client_secret_post',
    ...redirects,
  },
  programs: ['ci', 'other'].map((name) => ({
    client_id: name,
    client_secret: `a-secret-of-${name}`,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  })),
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // One is spoken of by a JWT, the other by a text that means nothing.
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource,
        scope: 'wiki.read wiki.write',
        accessTokenFormat: resource.endsWith('?opaque') ? 'opaque' : 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
let gateway, wiki, chromium;

before(async () => {
  await guestpass('init', folder);
  writeFileSync(`${folder}/secrets/client.pem`, await exportPKCS8(ours.privateKey));
  writeFileSync(`${folder}/secrets/oidc`, partners.client.client_secret);
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  writeFileSync(config, configuration);
  [wiki, chromium] = [await startWiki({ port: wikiPort, gateway: access }), await browser()];
  await Promise.all([staff.start(), partners.start()]);
  gateway = await start('guestpass-login', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
});

after(async () => {
  await chromium?.close();
  await stop(gateway);
  staff.stop();
  partners.stop();
  wiki?.stop();
});

test('staff come in by our key and a pushed request', async () => {
  const page = await newPage();
  await page.goto(wikiUrl);
  await page.getByRole('link', { name: 'Our staff' }).click();
  assert.match(page.url(), new RegExp(`^${staff.issuer}/`));
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'Hello Erin Employee');
  await page.context().close();
});

test('partners are found by their e-mail address, and come in by a form that their provider posts', async () => {
  const page = await newPage();
  await page.goto(`${wikiUrl}reports`);
  assert.equal(await page.getByText('partners').count(), 0);
  await page.getByLabel('Your e-mail address at work').fill('paul@partner.example');
  await page.getByRole('button', { name: 'Go on' }).click();
  await heading(page, 'Who are you?');
  const posted = page.waitForRequest((request) => request.method() === 'POST' && request.url() === `${access}/callback`);
  await page.getByRole('button', { name: 'paul' }).click();
  await posted;
  await heading(page, 'Hello Paul Partner');
  assert.equal(page.url(), `${wikiUrl}reports`);
  await page.context().close();
});

for (const [order, sorted] of [['the order', (tabs) => tabs], ['the other order', (tabs) => tabs.toReversed()]]) {
  test(`tabs that sign in at the same time, and finish in ${order} in which they began, each land where they wanted`, async () => {
    const context = await chromium.newContext();
    const tabs = [];
    for (const path of ['a', 'b?x=1', 'c/d', 'e']) {
      const page = await context.newPage();
      await toStaff(page, wikiUrl + path);
      tabs.push({ page, path });
    }
    for (const { page, path } of sorted(tabs)) {
      await page.getByRole('button', { name: 'erin' }).click();
      await heading(page, 'Hello Erin Employee');
      assert.equal(page.url(), wikiUrl + path);
    }
    await context.close();
  });
}

test('more tabs than attempts are remembered: who is in goes on, wherever the answer comes from', async () => {
  const context = await chromium.newContext();
  const tabs = [];
  for (let number = 0; number < 7; number++) {
    const page = await context.newPage();
    await toStaff(page, `${wikiUrl}${number}`);
    tabs.push(page);
  }
  for (const page of tabs.toReversed()) {
    await page.getByRole('button', { name: 'erin' }).click();
    // The first two were given up; they lead to one's own page, not to an error.
    await page.waitForURL((url) => url.origin === new URL(wikiUrl).origin || url.origin === access);
    assert.equal(await page.locator('footer code').count(), 0, await page.content());
  }
  await context.close();
});

test('an answer from yesterday sends who is signed in on, and tells who is not how to go on', async () => {
  const page = await newPage();
  let callback;
  page.on('request', (request) => {
    if (request.url().startsWith(`${access}/callback?`)) callback ??= request.url();
  });
  await toStaff(page, wikiUrl);
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'Hello Erin Employee');
  assert.equal((await page.goto(callback)).status(), 200);
  await heading(page, 'Your access');
  // In another browser, where nobody is.
  const other = await newPage();
  assert.equal((await other.goto(callback)).status(), 400);
  await heading(other, 'This sign-in is over.');
  await other.getByRole('link', { name: 'Sign in' }).click();
  await heading(other, 'Where do you sign in?');
  await page.context().close();
  await other.context().close();
});

test('an attempt whose cookie is gone can be begun again', async () => {
  const page = await newPage();
  await toStaff(page, wikiUrl);
  await page.context().clearCookies({ domain: 'access.localhost' });
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'This sign-in is over.');
  await page.goto(wikiUrl);
  await page.getByRole('link', { name: 'Our staff' }).click();
  await heading(page, 'Hello Erin Employee');
  await page.context().close();
});

test('the back button leads to a page, and forward into the app', async () => {
  const page = await newPage();
  await toStaff(page, wikiUrl);
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'Hello Erin Employee');
  await page.goBack();
  await page.goForward();
  await heading(page, 'Hello Erin Employee');
  // To where the providers were shown, and the other way from there.
  await page.goBack();
  await page.goBack();
  await page.reload();
  await page.waitForURL((url) => url.origin === new URL(wikiUrl).origin || url.origin === access);
  assert.equal(await page.locator('footer code').count(), 0, await page.content());
  await page.context().close();
});

test('a browser that is opened again finds its tabs signed in', async () => {
  const page = await newPage();
  await toStaff(page, `${wikiUrl}kept`);
  await page.getByRole('button', { name: 'ella' }).click();
  await heading(page, 'Hello Ella Employee');
  // What a browser forgets when it is closed: cookies without an age. Ours have one.
  const state = await page.context().storageState();
  state.cookies = state.cookies.filter(({ expires }) => expires !== -1);
  await page.context().close();
  const context = await chromium.newContext({ storageState: state });
  const tabs = await Promise.all([1, 2, 3].map(() => context.newPage()));
  await Promise.all(tabs.map((tab, number) => tab.goto(`${wikiUrl}kept/${number}`)));
  for (const tab of tabs) await heading(tab, 'Hello Ella Employee');
  await context.close();
});

test('who signed in too long ago proves it again, and comes back to where they were', async () => {
  const page = await newPage();
  await toStaff(page, wikiUrl);
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'Hello Erin Employee');
  await sleep(6_000);
  assert.equal((await page.goto(wikiUrl)).status(), 200);
  // It asks the provider that knows them, and does not ask which one that is.
  await page.goto(`${wikiUrl}fresh/page?x=1`);
  await heading(page, 'Who are you?');
  await page.getByRole('button', { name: 'erin' }).click();
  await heading(page, 'Hello Erin Employee');
  assert.equal(page.url(), `${wikiUrl}fresh/page?x=1`);
  await page.context().close();
});

for (const [what, resource] of [['a JWT', api], ['a text that only its provider understands', `${api}?opaque`]]) {
  test(`a program comes in by an access token, ${what}, where it is for the app and its role is`, async () => {
    const good = await tokenOf('ci', resource, 'wiki.read');
    assert.deepEqual([good.split('.').length, (await shows(good)).status], [what === 'a JWT' ? 3 : 1, 200]);
    const told = (await shows(good)).text;
    assert.match(told, /"roles":\["build"\]/);
    for (const [why, token, status, error] of [
      ['not for the app', await tokenOf('ci', resource.replace('/api', '/other'), 'wiki.read'), 401, 'invalid_token'],
      ['not good for it', await tokenOf('ci', resource, 'wiki.write'), 403, 'insufficient_scope'],
      ['of a program without a role', await tokenOf('other', resource, 'wiki.read'), 403, 'insufficient_scope'],
      ['of nobody', `${good}x`, 401, 'invalid_token'],
    ]) {
      const answer = await shows(token);
      assert.equal(answer.status, status, `${why}: ${answer.text}`);
      assert.match(answer.headers['www-authenticate'], new RegExp(`^Bearer .*error="${error}"`), why);
    }
  });
}

// The last one: from here on it is later.
test('an attempt outlives a restart, and not eleven minutes', async () => {
  const again = async (env) => {
    await stop(gateway);
    gateway = await start('guestpass-login', binary, ['serve', '--config', config], { env });
    await eventually('the gateway is up', () => isUp(access));
  };
  const [soon, late] = [await newPage(), await newPage()];
  for (const page of [soon, late]) await toStaff(page, wikiUrl);
  await again({});
  await soon.getByRole('button', { name: 'erin' }).click();
  await heading(soon, 'Hello Erin Employee');
  // By what faketime would start it with: its own process would outlive being stopped. What is timed by itself goes on as if
  // nothing were.
  const { LD_PRELOAD, FAKETIME } = JSON.parse(
    execFileSync('faketime', ['-f', '+11m', process.execPath, '-p', 'JSON.stringify(process.env)'], { encoding: 'utf8' }),
  );
  await again({ LD_PRELOAD, FAKETIME, FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  await late.getByRole('button', { name: 'erin' }).click();
  await heading(late, 'This sign-in is over.');
  await late.getByRole('link', { name: 'Sign in' }).click();
  await heading(late, 'Where do you sign in?');
  for (const page of [soon, late]) await page.context().close();
});

const policy = `
version: 1
roles:
  employee:
    who: { groups: { any: [employees] } }
    gets: { wiki: {} }
  build:
    who: { provider: partners, claims: { client_id: ci } }
    gets: { wiki: {} }
`;

const configuration = `
url: ${access}
listen: 127.0.0.1:${port}
shutdown: { announce: 0s }
store: sqlite:guestpass.db
key: "\${file:secrets/key}"
providers:
  staff:
    title: Our staff
    issuer: ${staff.issuer}
    client: { id: guestpass, key: "\${file:secrets/client.pem}", key-id: ours }
    id-token-algorithms: [PS256]
    scopes: [profile, email, groups]
  partners:
    domains: [partner.example]
    issuer: ${partners.issuer}
    client: { id: guestpass, secret: "\${file:secrets/oidc}", method: client_secret_post }
    response-mode: form_post
    scopes: [profile, email, groups]
    access-tokens: { introspect: true }
apps:
  wiki:
    title: Wiki
    host: wiki.localhost
    upstream: http://127.0.0.1:${wikiPort}
    routes: { /fresh: { max-age: 5s } }
    access-tokens: { audience: ["${api}", "${api}?opaque"], scopes: [wiki.read] }
policies: policies/
`;

/** An access token for this API, as `program` gets it from the partners' provider. */
async function tokenOf(program, resource, scope) {
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource, scope });
  const authorization = `Basic ${btoa(`${program}:a-secret-of-${program}`)}`;
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  const { status, text } = await ask(`${partners.issuer}/token`, { method: 'POST', headers, body: `${form}` });
  assert.equal(status, 200, text);
  return JSON.parse(text).access_token;
}

/** What a program gets from the wiki with this token. */
const shows = (token) => ask(wikiUrl, { headers: { authorization: `Bearer ${token}` } });

/** A page of a browser that nobody has used before. */
const newPage = async () => (await chromium.newContext()).newPage();


/** Goes to `url`, and on to where staff are asked who they are. */
async function toStaff(page, url) {
  await page.goto(url);
  await page.getByRole('link', { name: 'Our staff' }).click();
  await heading(page, 'Who are you?');
}
