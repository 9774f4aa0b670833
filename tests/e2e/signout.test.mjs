// Signing out as browsers and providers do it: here, there, and by the provider's own word. The provider is the certified
// one, with its back-channel logout.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Idp } from './provider.mjs';
import { startWiki } from './wiki.mjs';
import {
  ask, binary, browser, commandsOf, configurationFor, eventually, freePort, heading, isUp, jsonLines,
  signedIn as signedInAt, start, stop, temporaryFolder,
} from './helpers.mjs';

const people = {
  erin: { name: 'Erin Employee', groups: ['employees'] },
  ella: { name: 'Ella Employee', groups: ['employees'] },
};
const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const [port, idpPort, wikiPort, framePort] = [await freePort(), await freePort(), await freePort(), await freePort()];
const access = `http://access.localhost:${port}`;
const wikiUrl = `http://wiki.localhost:${port}/`;
const idp = new Idp({
  port: idpPort,
  people,
  features: { backchannelLogout: { enabled: true } },
  client: {
    client_id: 'guestpass',
    client_secret: 'a-secret-between-the-two',
    redirect_uris: [`${access}/callback`],
    post_logout_redirect_uris: [`${access}/signed-out`],
    backchannel_logout_uri: `${access}/sign-out/back-channel/staff`,
    backchannel_logout_session_required: true,
  },
});
let gateway, wiki, chromium;

before(async () => {
  await guestpass('init', folder);
  writeFileSync(`${folder}/secrets/oidc`, idp.client.client_secret);
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  writeFileSync(config, configuration);
  [wiki, chromium] = [await startWiki({ port: wikiPort, gateway: access }), await browser()];
  await idp.start();
  gateway = await start('guestpass-signout', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
});

after(async () => {
  await chromium?.close();
  await stop(gateway);
  idp.stop();
  wiki?.stop();
});

test('who signs out here is signed out there, too, and comes back to a page that says so', async () => {
  const { page, cookie } = await signedIn('erin');
  await page.goto(`${access}/sign-out`);
  await page.getByText('and at the sign-in service').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'Sign out of the provider?');
  // Here it is over before anybody has said yes there.
  assert.equal(await knocks(cookie), 401);
  await page.getByRole('button', { name: 'Yes, sign out' }).click();
  await heading(page, 'You are signed out.');
  assert.equal(page.url(), `${access}/signed-out`);
  await page.reload();
  await heading(page, 'You are signed out.');
  assert.deepEqual((await page.context().cookies(access)).filter(({ name }) => name.startsWith('guestpass')), []);
  await page.goto(wikiUrl);
  await heading(page, 'Who are you?');
  await page.context().close();
});

test('who signs out at the provider is out here, and nobody else is', async () => {
  const [erin, elsewhere, ella] = [await signedIn('erin'), await signedIn('erin'), await signedIn('ella')];
  await erin.page.goto(`${idp.issuer}/session/end`);
  await erin.page.getByRole('button', { name: 'Yes, sign out' }).click();
  await eventually('the session is over', async () => (await knocks(erin.cookie)) === 401);
  assert.equal(await knocks(elsewhere.cookie), 200);
  assert.equal(await knocks(ella.cookie), 200);
  const record = jsonLines((await guestpass('audit', '--json')).stdout);
  const told = record.map(({ leaf }) => leaf.what).filter(({ signal, sign_ins }) => signal && sign_ins.length);
  assert.deepEqual(told.map(({ provider, signal, sign_ins }) => [provider, signal, sign_ins.length]), [
    ['staff', 'back-channel-logout', 1],
  ]);
  await erin.page.goto(wikiUrl);
  await heading(erin.page, 'Who are you?');
  for (const { page } of [erin, elsewhere, ella]) await page.context().close();
});

test('a page of another site that shows our front channel in a frame, or posts to us, signs nobody out', async () => {
  const { page, cookie } = await signedIn('erin');
  const frame = `${access}/sign-out/front-channel/staff?iss=${encodeURIComponent(idp.issuer)}&sid=guessed`;
  const evil = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<iframe src="${frame}"></iframe><form method="post" action="${access}/sign-out"><button>Win</button></form>`);
  }).listen(framePort, '127.0.0.1');
  await once(evil, 'listening');
  const framed = page.waitForResponse((response) => response.url() === frame);
  await page.goto(`http://evil.localhost:${framePort}/`);
  // Without our cookie nobody is there, so there is nothing to end.
  assert.equal((await framed).status(), 200);
  const posted = page.waitForResponse((response) => response.url() === `${access}/sign-out`);
  await page.getByRole('button', { name: 'Win' }).click();
  assert.equal((await posted).status(), 403);
  assert.equal(await knocks(cookie), 200);
  evil.close();
  await page.context().close();
});

const policy = `
version: 1
roles:
  employee:
    who: { groups: { any: [employees] } }
    gets: { wiki: {} }
`;

const configuration = `${configurationFor({ access, port, issuer: idp.issuer, clientId: 'guestpass' })}
  wiki: { title: Wiki, host: wiki.localhost, upstream: "http://127.0.0.1:${wikiPort}" }
`;

/** A page in which somebody sees the wiki, and its cookies there. */
const signedIn = (who) =>
  signedInAt(chromium, wikiUrl, people[who].name, (page) => page.getByRole('button', { name: who }).click());

/** What a script gets from the wiki with these cookies. */
const knocks = async (cookie) => (await ask(wikiUrl, { headers: { cookie } })).status;
