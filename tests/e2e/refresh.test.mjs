// The certified provider is asked again about those who are signed in. It gives another refresh token each time, and takes
// back all that it gave where one is shown twice.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Idp } from './provider.mjs';
import { startWiki } from './wiki.mjs';
import {
  ask, binary, browser, commandsOf, configurationFor, eventually, freePort, heading, isUp, log,
  signedIn as signedInAt, start, stop, temporaryFolder,
} from './helpers.mjs';

const people = Object.fromEntries(
  ['Erin', 'Ella', 'Emil', 'Edda'].map((name) => [name.toLowerCase(), { name: `${name} Employee`, groups: ['employees'] }]),
);
const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const [port, idpPort, strictPort, wikiPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
const access = `http://access.localhost:${port}`;
const wikiUrl = `http://wiki.localhost:${port}/`;
const client = {
  client_id: 'guestpass',
  client_secret: 'a-secret-between-the-two',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [`${access}/callback`],
};
const idp = new Idp({
  port: idpPort,
  people,
  client,
  // That its people are asked again is settled between the two, so nobody has to consent to it each time.
  more: { rotateRefreshToken: true, issueRefreshToken: (_ctx, { grantTypes }) => grantTypes.includes('refresh_token') },
});
// Its tokens are bound to a key of whoever asks for them (RFC 9449).
const strict = new Idp({ port: strictPort, people, client: { ...client, dpop_bound_access_tokens: true } });
const nothing = () => Object.fromEntries(Object.keys(people).map((who) => [who, []]));
const seen = { given: nothing(), used: nothing(), refused: [] };
let gateway, wiki, chromium;

before(async () => {
  await guestpass('init', folder);
  writeFileSync(`${folder}/secrets/oidc`, client.client_secret);
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  writeFileSync(config, configuration);
  [wiki, chromium] = [await startWiki({ port: wikiPort, gateway: access }), await browser()];
  await Promise.all([idp.start(), strict.start()]);
  idp.provider.on('refresh_token.saved', ({ accountId, jti }) => seen.given[accountId].push(jti));
  idp.provider.on('refresh_token.consumed', ({ accountId, jti }) => seen.used[accountId].push(jti));
  idp.provider.on('grant.error', (_ctx, { error }) => seen.refused.push(error));
  gateway = await start('guestpass-refresh', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
});

after(async () => {
  await chromium?.close();
  await stop(gateway);
  idp.stop();
  strict.stop();
  wiki?.stop();
});

test('who is signed in stays so by one token after the other, each of which is shown once', async () => {
  const { page, cookie } = await signedIn('erin');
  await eventually('three tokens are used', () => seen.used.erin.length >= 3, 60);
  assert.equal(await knocks(cookie), 200);
  await page.reload();
  await heading(page, 'Hello Erin Employee');
  const { given: { erin: given }, used: { erin: used } } = seen;
  assert.deepEqual(used, given.slice(0, used.length), 'in the order in which they were given');
  assert.equal(new Set(used).size, used.length);
  assert.deepEqual(seen.refused, []);
  await page.context().close();
});

test('what the provider takes is taken here, and what it gives again is there again', async () => {
  const { page, cookie } = await signedIn('ella');
  people.ella.groups = [];
  await eventually('her role is gone', async () => (await knocks(cookie)) === 403);
  people.ella.groups = ['employees'];
  await eventually('her role is back', async () => (await knocks(cookie)) === 200);
  assert.deepEqual(seen.refused, []);
  await page.context().close();
});

test('a token that is shown twice ends the sign-in that it was for, and no other', async () => {
  const [emil, edda] = [await signedIn('emil'), await signedIn('edda')];
  const [stolen] = seen.given.emil;
  await eventually('it has been used', () => seen.used.emil.includes(stolen));
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: stolen });
  const authorization = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`;
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await ask(`${idp.issuer}/token`, { method: 'POST', headers, body: `${form}` });
  assert.equal(JSON.parse(answer.text).error, 'invalid_grant', answer.text);
  await eventually('his session is over', async () => (await knocks(emil.cookie)) === 401);
  assert.equal(await knocks(edda.cookie), 200);
  // Nor is what was given for it good any more.
  assert.deepEqual(seen.refused, ['invalid_grant', 'invalid_grant']);
  for (const { page } of [emil, edda]) await page.context().close();
});

test('a provider that binds its tokens to a key lets nobody in: the page and the log say who refused, by one reference', async () => {
  let why;
  strict.provider.on('grant.error', (_ctx, { error_detail }) => (why = error_detail));
  const page = await (await chromium.newContext()).newPage();
  await page.goto(`http://vault.localhost:${port}/`);
  await page.getByRole('button', { name: 'ella' }).click();
  await heading(page, 'The sign-in service did not let you in.');
  const shown = await page.locator('footer').innerText();
  // To us it says that the grant is not valid, and not why.
  assert.match(why, /DPoP/);
  const line = log('guestpass-refresh').split('\n').find((line) => line.includes('sign-in refused'));
  const [, reference] = line.match(/provider=strict reason="provider_refused" reference="(.+?)" why="provider strict .*invalid_grant/);
  assert.ok(shown.includes('provider_refused') && shown.includes(reference), shown);
  await page.context().close();
});

const policy = `
version: 1
roles:
  employee:
    who: { groups: { any: [employees] } }
    gets: { wiki: {}, vault: {} }
`;

const more = `scopes: [profile, email, groups, offline_access]
    refresh: 2s
  strict:
    issuer: ${strict.issuer}
    client: { id: guestpass, secret: "\${file:secrets/oidc}" }
    scopes: [profile, email, groups]`;

const configuration = `${configurationFor({ access, port, issuer: idp.issuer, clientId: 'guestpass', more })}
  wiki: { title: Wiki, host: wiki.localhost, upstream: "http://127.0.0.1:${wikiPort}", providers: [staff] }
  vault: { title: Vault, host: vault.localhost, upstream: "http://127.0.0.1:${wikiPort}", providers: [strict] }
`;

/** A page in which somebody sees the wiki, and its cookies there. */
const signedIn = (who) =>
  signedInAt(chromium, wikiUrl, people[who].name, (page) => page.getByRole('button', { name: who }).click());

/** What a script gets from the wiki with these cookies. */
const knocks = async (cookie) => (await ask(wikiUrl, { headers: { cookie } })).status;
