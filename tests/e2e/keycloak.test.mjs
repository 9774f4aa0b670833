// Keycloak as people run it: its own pages, its rotating refresh tokens, its word that somebody is out, its access tokens.
// KEYCLOAK is the folder of its distribution.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startWiki } from './wiki.mjs';
import {
  ask, binary, browser, commandsOf, configurationFor, eventually, freePort, heading, isUp, jsonLines, run,
  signedIn as signedInAt, start, stop, temporaryFolder,
} from './helpers.mjs';

const people = {
  erin: { firstName: 'Erin', lastName: 'Employee', groups: ['employees', 'editors'] },
  ella: { firstName: 'Ella', lastName: 'Employee', groups: ['employees'] },
  otto: { firstName: 'Otto', lastName: 'Outsider', groups: [] },
};
const password = 'correct horse battery staple';
const operator = { username: 'olga', password: 'a-secret-of-the-operator' };
const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const [port, idpPort, managementPort, wikiPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
const access = `http://access.localhost:${port}`;
const wikiUrl = `http://wiki.localhost:${port}/`;
const idp = `http://localhost:${idpPort}`;
const issuer = `${idp}/realms/acme`;
const secrets = { guestpass: 'a-secret-between-the-two', ci: 'a-secret-of-a-program' };
let keycloak, gateway, wiki, chromium;

before(async () => {
  const imported = `${process.env.KEYCLOAK}/data/import`;
  rmSync(imported, { recursive: true, force: true });
  mkdirSync(imported, { recursive: true });
  writeFileSync(`${imported}/acme.json`, JSON.stringify(realm()));
  // Java asks the system, which need not know that this is loopback.
  writeFileSync(`${folder}/hosts`, '127.0.0.1 localhost access.localhost\n');
  keycloak = await start('keycloak', `${process.env.KEYCLOAK}/bin/kc.sh`, [
    'start-dev', '--import-realm', '--db=dev-mem', '--http-host=127.0.0.1', `--http-port=${idpPort}`,
    `--http-management-port=${managementPort}`, `--hostname=${idp}`,
  ], {
    env: {
      JAVA_OPTS_APPEND: `-Djdk.net.hosts.file=${folder}/hosts`,
      KC_BOOTSTRAP_ADMIN_USERNAME: operator.username,
      KC_BOOTSTRAP_ADMIN_PASSWORD: operator.password,
    },
  });
  await guestpass('init', folder);
  writeFileSync(`${folder}/secrets/oidc`, secrets.guestpass);
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  writeFileSync(config, configuration);
  [wiki, chromium] = [await startWiki({ port: wikiPort, gateway: access }), await browser()];
  const published = `${issuer}/.well-known/openid-configuration`;
  await eventually('Keycloak is up', async () => (await ask(published)).status === 200, 180);
  gateway = await start('guestpass-keycloak', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
}, { timeout: 240_000 });

after(async () => {
  await chromium?.close();
  await stop(gateway);
  await stop(keycloak);
  wiki?.stop();
});

test('the doctor finds nothing wrong', async () => {
  const { stdout } = await run(binary, ['doctor', '--json'], { GUESTPASS_CONFIG: config });
  assert.deepEqual(jsonLines(stdout).filter(({ state }) => state === 'wrong'), []);
});

test('who is in a group comes in by a pushed request, with name and roles, and who is in none does not', async () => {
  const erin = await signedIn('erin');
  const told = JSON.parse(await erin.page.locator('pre').innerText());
  assert.deepEqual(told.roles.toSorted(), ['editor', 'employee']);
  await erin.page.context().close();
  const page = await newPage();
  await page.goto(wikiUrl);
  await answer(page, 'otto');
  await heading(page, "You don't have access to Wiki.");
  await page.context().close();
});

test('what is taken there is taken here, refresh by refresh, though every token is good for once', async () => {
  const { page, cookie } = await signedIn('erin');
  const [erin] = await admin('users?username=erin');
  const [editors] = await admin('groups?search=editors');
  await admin(`users/${erin.id}/groups/${editors.id}`, 'DELETE');
  await eventually('she is no editor any more', async () => {
    await page.goto(wikiUrl);
    return !JSON.parse(await page.locator('pre').innerText()).roles.includes('editor');
  });
  const asked = (await admin('events?type=REFRESH_TOKEN')).length;
  await eventually('it is asked again and again', async () => (await admin('events?type=REFRESH_TOKEN')).length >= asked + 3, 60);
  assert.equal(await knocks(cookie), 200);
  assert.deepEqual(await admin('events?type=REFRESH_TOKEN_ERROR'), [], 'no token is shown twice');
  // Of who is in no group Keycloak says nothing of groups.
  const [employees] = await admin('groups?search=employees');
  await admin(`users/${erin.id}/groups/${employees.id}`, 'DELETE');
  await eventually('she is out of the wiki', async () => (await knocks(cookie)) === 403);
  await admin(`users/${erin.id}/groups/${employees.id}`, 'PUT');
  await eventually('and in again', async () => (await knocks(cookie)) === 200);
  await page.context().close();
});

test('who is signed out there is out here at once, and nobody else is', async () => {
  const [erin, ella] = [await signedIn('erin'), await signedIn('ella')];
  const [user] = await admin('users?username=ella');
  await admin(`users/${user.id}/logout`, 'POST');
  await eventually('her session is over', async () => (await knocks(ella.cookie)) === 401, 5);
  assert.equal(await knocks(erin.cookie), 200);
  const record = jsonLines((await guestpass('audit', '--json')).stdout).map(({ leaf }) => leaf.what);
  assert.ok(record.some(({ signal, sign_ins: ended }) => signal === 'back-channel-logout' && ended.length === 1), 'it was said');
  for (const { page } of [erin, ella]) await page.context().close();
});

test('who signs out here is signed out there', async () => {
  const { page, cookie } = await signedIn('ella');
  await page.goto(`${access}/sign-out`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'You are signed out.');
  assert.equal(await knocks(cookie), 401);
  await page.goto(wikiUrl);
  await page.locator('#kc-login').waitFor();
  await page.context().close();
});

test('somebody who is closed there is out here with the next refresh', async () => {
  const { page, cookie } = await signedIn('erin');
  const [erin] = await admin('users?username=erin');
  await admin(`users/${erin.id}`, 'PUT', { ...erin, enabled: false });
  await eventually('she is out', async () => (await knocks(cookie)) === 401);
  await page.context().close();
});

test('a program comes in by an access token of its own, and with one for somebody else it does not', async () => {
  const shows = async (token) => (await ask(wikiUrl, { headers: { authorization: `Bearer ${token}` } })).status;
  const { access_token: good } = await token('acme', {
    grant_type: 'client_credentials', client_id: 'ci', client_secret: secrets.ci,
  });
  assert.equal(await shows(good), 200);
  // Our own client's is for nobody's API.
  const { access_token: other } = await token('acme', {
    grant_type: 'client_credentials', client_id: 'guestpass', client_secret: secrets.guestpass,
  });
  assert.equal(await shows(other), 401);
  assert.equal(await shows(`${good.slice(0, -8)}AAAAAAAA`), 401);
});

/** What Keycloak is started with. */
function realm() {
  return {
    realm: 'acme',
    enabled: true,
    sslRequired: 'none',
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    eventsEnabled: true,
    enabledEventTypes: ['REFRESH_TOKEN', 'REFRESH_TOKEN_ERROR'],
    groups: [{ name: 'employees' }, { name: 'editors' }],
    users: Object.entries(people).map(([username, person]) => ({
      username,
      ...person,
      email: `${username}@example.com`,
      emailVerified: true,
      enabled: true,
      credentials: [{ type: 'password', value: password }],
    })),
    clients: [
      {
        ...client('guestpass'),
        standardFlowEnabled: true,
        redirectUris: [`${access}/callback`],
        attributes: {
          'backchannel.logout.session.required': 'true',
          'backchannel.logout.url': `${access}/sign-out/back-channel/staff`,
          'pkce.code.challenge.method': 'S256',
          'post.logout.redirect.uris': `${access}/signed-out`,
          'require.pushed.authorization.requests': 'true',
        },
        protocolMappers: [mapper('groups', 'oidc-group-membership-mapper', {
          'claim.name': 'groups', 'full.path': 'false', 'id.token.claim': 'true',
        })],
      },
      {
        ...client('ci'),
        standardFlowEnabled: false,
        protocolMappers: [mapper('wiki', 'oidc-audience-mapper', {
          'included.custom.audience': `${wikiUrl}api`, 'access.token.claim': 'true',
        })],
      },
    ],
  };
}

function client(clientId) {
  const may = { publicClient: false, serviceAccountsEnabled: true, directAccessGrantsEnabled: false };
  return { clientId, secret: secrets[clientId], ...may };
}

function mapper(name, protocolMapper, config) {
  return { name, protocol: 'openid-connect', protocolMapper, config };
}

const policy = `
version: 1
roles:
  employee:
    who: { groups: { any: [employees] } }
    gets: { wiki: {} }
  editor:
    who: { groups: { any: [editors] } }
    gets: { wiki: {} }
  build:
    who: { claims: { azp: ci } }
    gets: { wiki: {} }
`;

// What Keycloak gives is its own matter: there is no scope for groups.
const more = `pushed-requests: true
    groups: { absent: empty }
    refresh: 3s
    end-session: true
    access-tokens: { typ: any }`;

const configuration = `${configurationFor({ access, port, issuer, clientId: 'guestpass', more })}
  wiki:
    title: Wiki
    host: wiki.localhost
    upstream: "http://127.0.0.1:${wikiPort}"
    access-tokens: { audience: "${wikiUrl}api" }
`;

/** What the token endpoint of a realm answers to this form. */
async function token(of, form) {
  const address = `${idp}/realms/${of}/protocol/openid-connect/token`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const { status, text } = await ask(address, { method: 'POST', headers, body: `${new URLSearchParams(form)}` });
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

/** What an operator of Keycloak asks or orders of the realm. */
async function admin(path, method = 'GET', words) {
  const { access_token: shown } = await token('master', { grant_type: 'password', client_id: 'admin-cli', ...operator });
  const headers = { authorization: `Bearer ${shown}`, 'content-type': 'application/json' };
  const { status, text } = await ask(`${idp}/admin/realms/acme/${path}`, { method, headers, body: words && JSON.stringify(words) });
  assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
  return text && JSON.parse(text);
}

const newPage = async () => (await chromium.newContext()).newPage();

/** Fills in Keycloak's form. */
async function answer(page, who) {
  await page.locator('#username').fill(who);
  await page.locator('#password').fill(password);
  await page.locator('#kc-login').click();
}

/** A page in which somebody sees the wiki, and its cookies there. */
const signedIn = (who) =>
  signedInAt(chromium, wikiUrl, `${people[who].firstName} ${people[who].lastName}`, (page) => answer(page, who));

/** What a script gets from the wiki with these cookies. */
const knocks = async (cookie) => (await ask(wikiUrl, { headers: { cookie } })).status;
