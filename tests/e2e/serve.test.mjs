// The real gateway between parts that others wrote: the provider `oidc-provider`, the SCIM server `scim2-server`,
// the browser Chromium. One story; each case goes on where the one before ended.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Idp } from './provider.mjs';
import { startWiki } from './wiki.mjs';
import {
  ask, binary, browser, commandsOf, configurationFor, eventually, freePort, heading, isUp, jsonLines, scimServer,
  sleep, start, stop, temporaryFolder,
} from './helpers.mjs';

/** How long a contractor may stay, in seconds: enough to sign in on a slow machine. */
const TTL = 15;
const TOKEN = 'a-token-for-the-wiki';
const people = {
  erin: { name: 'Erin Employee', email: 'erin@example.com', email_verified: true, groups: ['employees'] },
  ella: { name: 'Ella Employee', email: 'ella@example.com', email_verified: true, groups: ['employees'] },
  carl: { name: 'Carl Contractor', email: 'carl@partner.example', email_verified: true, groups: ['wiki-guests'] },
  otto: { name: 'Otto Outsider', email: 'otto@elsewhere.example', email_verified: true, groups: [] },
};

const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const [port, idpPort, scimPort, wikiPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
const access = `http://access.localhost:${port}`;
const wikiUrl = `http://wiki.localhost:${port}/`;
const policy = `
version: 1
roles:
  employee:
    who: { provider: staff, groups: { any: [employees] } }
    gets: { wiki: { groups: [readers] } }
  contractor:
    who: { provider: staff, groups: { any: [wiki-guests] } }
    gets: { wiki: { groups: [guests] } }
    for: { ttl: ${TTL}s }
examples:
  - when: { provider: staff, claims: { groups: [wiki-guests] } }
    expect: { roles: [contractor], wiki: { groups: [guests], because: ttl } }
  - when: { provider: staff, claims: { groups: [] } }
    expect: { roles: [] }
`;
const client = {
  client_id: 'guestpass',
  client_secret: 'a-secret-between-the-two',
  redirect_uris: [`${access}/callback`],
  post_logout_redirect_uris: [`${access}/signed-out`],
};
const idp = new Idp({ port: idpPort, client, people });
let gateway, scim, wiki, chromium;

before(async () => {
  await guestpass('init', folder);
  writeFileSync(config, configuration());
  writeFileSync(`${folder}/secrets/oidc`, client.client_secret);
  writeFileSync(`${folder}/secrets/wiki`, TOKEN);
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  [wiki, chromium] = [await startWiki({ port: wikiPort, gateway: access }), await browser()];
});

after(async () => {
  await chromium?.close();
  await Promise.all([stop(gateway), stop(scim)]);
  idp.stop();
  wiki?.stop();
});

test('the configuration that init wrote and we filled in is right, and its examples hold', async () => {
  assert.match((await guestpass('check')).stdout, / is right: 1 provider, 1 app/);
  await guestpass('policy', 'test');
});

test('the gateway starts without its provider and its target; a sign-in says so, and moves on by itself', async () => {
  gateway = await startGateway();
  const page = await newPage();
  const reply = await page.goto(wikiUrl);
  assert.equal(reply.status(), 503);
  await heading(page, "We can't reach the sign-in service.");
  await idp.start();
  await heading(page, 'Who are you?');
  await page.context().close();
});

test('a navigation is sent to log in, anything else gets 401', async () => {
  const html = await ask(wikiUrl, { headers: { accept: 'text/html' } });
  assert.equal(html.status, 303);
  assert.ok(html.headers.location.startsWith(`${access}/sign-in?`));
  const xhr = await ask(wikiUrl, { headers: { accept: 'application/json' } });
  assert.equal(xhr.status, 401);
  assert.ok(xhr.headers['www-authenticate']);
  assert.match(xhr.headers['content-type'], /^application\/problem\+json/);
  assert.equal(JSON.parse(xhr.text).reason, 'sign_in_needed');
});

test('a first login while the target is down waits, and goes on when it is back', async () => {
  const page = await newPage();
  const reply = await signIn(page, 'erin');
  assert.equal(reply.status(), 503);
  await heading(page, 'Preparing your account in Wiki.');
  scim = await start('scim2-server', scimServer, ['--port', scimPort, '--bearer-token', TOKEN]);
  await heading(page, 'Hello Erin Employee');
  await page.context().close();
});

test('a first login makes one account, with our external id and its groups, before the first page', async () => {
  const page = await newPage();
  assert.equal((await signIn(page, 'ella')).status(), 200);
  await heading(page, 'Hello Ella Employee');
  const user = await account('ella');
  const [row] = (await rows('accounts')).filter(({ person }) => person === 'ella@staff');
  assert.equal(user.externalId, row.external_id);
  assert.equal(user.active, true);
  assert.equal(user.emails[0].value, people.ella.email);
  assert.ok((await members('readers')).includes(user.id));
  const claims = await assertion(page);
  assert.equal(claims.sub, 'ella');
  assert.equal(claims.idp_iss, idp.issuer);
  assert.equal(claims.account, user.id);
  assert.deepEqual(claims.roles, ['employee']);
  assert.ok(claims.exp - claims.iat <= 60);
  await page.context().close();
});

test('the same person in a second browser has the same account', async () => {
  const page = await newPage();
  await signIn(page, 'ella');
  assert.equal((await assertion(page)).account, (await account('ella')).id);
  assert.equal((await accounts()).length, 2);
  await page.context().close();
});

test('an outsider is refused with a reason, and gets no account', async () => {
  const page = await newPage();
  const reply = await signIn(page, 'otto');
  assert.equal(reply.status(), 403);
  await heading(page, "You don't have access to Wiki.");
  assert.match(await page.textContent('footer'), /no_role.*reference [A-Z0-9]{4}-[A-Z0-9]{2}/s);
  assert.equal((await accounts()).length, 2);
  await page.context().close();
});

test('what a client claims to be never reaches the app, nor does our cookie', async () => {
  const page = await newPage();
  await signIn(page, 'ella');
  const cookie = await cookieOf(page, wikiUrl);
  const forged = { 'guestpass-assertion': 'x', 'x-wiki-email': 'root@example.com', x_wiki_email: 'root@example.com' };
  const reply = await ask(`${wikiUrl}forged`, { headers: { ...forged, cookie: `${cookie}; theme=dark` } });
  assert.equal(reply.status, 200);
  const [seen] = wiki.seen('/forged');
  assert.equal(seen['x-wiki-email'], people.ella.email);
  assert.equal(seen.x_wiki_email, undefined);
  assert.equal(seen.cookie, 'theme=dark');
  // And without a session, they open nothing.
  assert.equal((await ask(`${wikiUrl}forged`, { headers: forged })).status, 401);
  assert.equal(wiki.seen('/forged').length, 1);
  await page.context().close();
});

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`a restart of the gateway after ${signal} logs nobody out`, async () => {
    const page = await newPage();
    await signIn(page, 'ella');
    await stop(gateway, signal);
    gateway = await startGateway();
    assert.equal((await page.reload()).status(), 200);
    await heading(page, 'Hello Ella Employee');
    await page.context().close();
  });
}

test('signing out ends the session here and at the provider', async () => {
  const page = await newPage();
  await signIn(page, 'ella');
  const cookie = await cookieOf(page, wikiUrl);
  await page.goto(`${access}/`);
  await heading(page, 'Your access');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'Sign out of the provider?');
  await page.getByRole('button', { name: 'Yes, sign out' }).click();
  await heading(page, 'You are signed out.');
  assert.equal((await ask(wikiUrl, { headers: { cookie } })).status, 401);
  await page.goto(wikiUrl);
  await heading(page, 'Who are you?');
  await page.context().close();
});

test('a contractor is refused at the very second, disabled in the target, and told why', async () => {
  const page = await newPage();
  assert.equal((await signIn(page, 'carl')).status(), 200);
  const headers = { cookie: await cookieOf(page, wikiUrl) };
  const end = Date.parse((await grant('carl')).until);
  assert.ok((await members('guests')).includes((await account('carl')).id));
  await sleep(end - Date.now() - 500);
  assert.equal((await ask(wikiUrl, { headers })).status, 200);
  await sleep(end - Date.now() + 10);
  const refused = await ask(wikiUrl, { headers });
  assert.equal(refused.status, 403);
  assert.equal(JSON.parse(refused.text).reason, 'ended');
  await eventually('the account is disabled', async () => (await account('carl')).active === false);
  const again = await newPage();
  assert.equal((await signIn(again, 'carl')).status(), 403);
  await heading(again, /^Your access to Wiki ended on /);
  assert.equal(Date.parse((await grant('carl')).until), end);
  await page.context().close();
  await again.context().close();
});

test('an operator extends the grant: the account is enabled, the gate is open', async () => {
  await guestpass('grants', 'extend', (await grant('carl')).id, '--by', '1d', '--why', 'one more day');
  await eventually('the account is enabled', async () => (await account('carl')).active === true);
  const page = await newPage();
  assert.equal((await signIn(page, 'carl')).status(), 200);
  await heading(page, 'Hello Carl Contractor');
  await page.context().close();
});

test('a key that the provider did not have yesterday is found', async () => {
  // Keys are read again at most once in ten seconds; the contractor's time was longer than that.
  await idp.rotateKeys();
  const page = await newPage();
  assert.equal((await signIn(page, 'ella')).status(), 200);
  await page.context().close();
});

test('the record has every event, exactly once', async () => {
  const record = (await rows('audit')).map(({ leaf, sealed }) => ({ ...leaf.what, cause: sealed.cause }));
  const events = tally(record.map(({ event }) => event));
  delete events.account_changed;
  assert.deepEqual(events, {
    signed_in: 10,
    session_opened: 11,
    sign_in_refused: 2,
    access_ended: 1,
    grant_extended: 1,
    signed_out: 1,
  });
  const changes = record.flatMap(({ changes }) => changes ?? []).map(({ change }) => change);
  assert.deepEqual(tally(changes), { created: 3, joined: 3, disabled: 1, enabled: 1 });
  const refusals = record.filter(({ event }) => event === 'sign_in_refused').map(({ reason }) => reason);
  assert.deepEqual(refusals, ['no_role', 'ended']);
  assert.equal(record.find(({ event }) => event === 'grant_extended').cause, 'one more day');
});

function configuration() {
  return `${configurationFor({ access, port, issuer: idp.issuer, clientId: client.client_id })}
  wiki:
    title: Wiki
    host: wiki.localhost
    upstream: http://127.0.0.1:${wikiPort}
    accounts: { scim: "http://127.0.0.1:${scimPort}/v2", token: "\${file:secrets/wiki}" }
    headers: { X-Wiki-Email: email }
`;
}

const rows = async (list) => jsonLines((await guestpass(list, '--json')).stdout);

const grant = async (sub) => (await rows('grants')).find(({ person }) => person === `${sub}@staff`);

async function startGateway() {
  const child = await start('guestpass', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
  return child;
}

async function scimGet(path) {
  const url = `http://127.0.0.1:${scimPort}/v2/${path}`;
  const { text } = await ask(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  return JSON.parse(text).Resources ?? [];
}

const accounts = () => scimGet('Users');

/** The account of a person in the target, found by their e-mail address. */
const account = async (sub) => (await accounts()).find((user) => user.emails?.[0].value === people[sub].email);

async function members(group) {
  const found = (await scimGet('Groups')).find(({ displayName }) => displayName === group);
  return (found?.members ?? []).map(({ value }) => value);
}

/** A page of a browser that nobody has used before. */
const newPage = async () => (await chromium.newContext()).newPage();

/** Goes to the wiki and signs in on the way; returns what the wiki's address answers then. */
async function signIn(page, sub) {
  await page.goto(wikiUrl);
  const [reply] = await Promise.all([
    page.waitForResponse((reply) => reply.request().isNavigationRequest() && !(reply.status() in { 302: 1, 303: 1 })),
    page.getByRole('button', { name: sub }).click(),
  ]);
  return reply;
}


const assertion = async (page) => JSON.parse(await page.textContent('pre'));

const tally = (names) => names.reduce((count, name) => ({ ...count, [name]: (count[name] ?? 0) + 1 }), {});

async function cookieOf(page, url) {
  const cookies = await page.context().cookies(url);
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}
