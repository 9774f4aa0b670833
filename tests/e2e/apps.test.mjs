// Applications that others wrote, by the descriptions that come with guestpass: JupyterHub signs people in by the
// assertion that the gateway sends along, Synapse by the same assertion as a JWT. One story; each case goes on where the
// one before ended.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startChat } from './apps/chat.mjs';
import { Idp } from './provider.mjs';
import {
  appsFolder, ask, binary, browser, commandsOf, configurationFor, eventually, freePort, isUp, jsonLines, run, sleep, start, stop,
  temporaryFolder,
} from './helpers.mjs';

/** How long a guest may stay, in seconds: enough to sign in twice on a slow machine. */
const TTL = 25;
const HUB_TOKEN = 'a-token-for-the-hub-0123456789';
const OPERATOR_TOKEN = 'a-token-for-operators-0123456789';
const people = {
  ada: { name: 'Ada Analyst', email: 'ada@example.com', email_verified: true, groups: ['analysts'] },
  gus: { name: 'Gus Guest', email: 'Gus@partner.example', email_verified: true, groups: ['guests'] },
};

const folder = temporaryFolder();
const config = `${folder}/guestpass.yaml`;
const guestpass = commandsOf(config);
const ports = [];
for (let number = 0; number < 5; number++) ports.push(await freePort());
const [port, idpPort, hubPort, chatPort, synapsePort] = ports;
const access = `http://access.localhost:${port}`;
const hubUrl = `http://hub.localhost:${port}/hub/home`;
const chatUrl = `http://chat.localhost:${port}/`;
const hubItself = `http://127.0.0.1:${hubPort}`;
const synapse = `http://127.0.0.1:${synapsePort}`;
const policy = `
version: 1
roles:
  analyst:
    who: { provider: staff, groups: { any: [analysts] } }
    gets: { hub: { groups: [analysts] }, chat: {} }
  guest:
    who: { provider: staff, groups: { any: [guests] } }
    gets: { hub: { groups: [guests] }, chat: {} }
    for: { ttl: ${TTL}s }
`;
const client = {
  client_id: 'guestpass',
  client_secret: 'a-secret-between-the-two',
  redirect_uris: [`${access}/callback`],
  post_logout_redirect_uris: [`${access}/signed-out`],
};
const idp = new Idp({ port: idpPort, client, people });
let gateway, hub, homeserver, chat, chromium, admin;

before(async () => {
  await idp.start();
  await guestpass('init', folder);
  writeFileSync(config, configuration());
  writeFileSync(`${folder}/secrets/oidc`, client.client_secret);
  writeFileSync(`${folder}/secrets/hub`, HUB_TOKEN);
  // The homeserver wants to know the gateway's key before it starts, and the gateway the homeserver's token.
  writeFileSync(`${folder}/secrets/synapse`, 'not known yet');
  writeFileSync(`${folder}/policies/contractors.yaml`, policy);
  gateway = await startGateway();
  [hub, homeserver, chromium] = await Promise.all([startHub(), startSynapse(), browser()]);
  await eventually('JupyterHub is up', () => isUp(`${hubItself}/hub/api`), 60);
  await eventually('Synapse is up', () => isUp(synapse), 60);
  admin = await register('guestpass');
  writeFileSync(`${folder}/secrets/synapse`, admin);
  await guestpass('reload');
  chat = await startChat({ port: chatPort, synapse });
});

after(async () => {
  await chromium?.close();
  await Promise.all([stop(gateway), stop(hub), stop(homeserver)]);
  idp.stop();
  chat?.stop();
});

for (const [target, group] of [['hub', 'analysts'], ['chat', undefined]]) {
  test(`${target} passes the walk that every connector has to pass`, async () => {
    const wishes = group ? ['--group', group] : ['--role', 'admin'];
    const { stdout } = await guestpass('connector', 'test', target, ...wishes);
    assert.match(stdout, /does all that it can\.$/m);
  });
}

test('a first login makes the account in JupyterHub, and its assertion signs them in', async () => {
  const page = await newPage();
  await signIn(page, hubUrl, 'ada');
  await page.getByText('ada@example.com').first().waitFor();
  const user = await hubGet('users/ada@example.com');
  assert.ok(user.groups.includes('analysts') && user.groups.includes('guestpass-users'), JSON.stringify(user));
  const [row] = await accounts('ada', 'hub');
  assert.ok(user.groups.includes(`guestpass:${row.external_id}`));
  await page.context().close();
});

test('a first login makes the account in Synapse, and its assertion signs them in', async () => {
  const page = await newPage();
  await signIn(page, chatUrl, 'ada');
  assert.equal(await page.textContent('h1'), 'Hello @ada-example.com:chat.example');
  const user = await synapseGet('v2/users/@ada-example.com:chat.example');
  const [row] = await accounts('ada', 'chat');
  assert.deepEqual(user.external_ids, [{ auth_provider: 'guestpass', external_id: row.external_id }]);
  assert.equal(user.displayname, 'Ada Analyst');
  await page.context().close();
});

test('an assertion for one app opens no other, and none opens nothing', async () => {
  const direct = await ask(`${hubItself}/hub/guestpass`);
  assert.equal(direct.status, 403);
  const forged = await ask(`${hubItself}/hub/guestpass`, {
    headers: { 'guestpass-assertion': chat.assertions.at(-1) },
  });
  assert.equal(forged.status, 403);
});

/** What a guest has when their time is up: a page, the hub's cookies, a token of the homeserver. */
const left = {};

test('a guest works in both', async () => {
  left.page = await newPage();
  await signIn(left.page, hubUrl, 'gus');
  const asked = { method: 'POST', headers: { authorization: `token ${OPERATOR_TOKEN}` } };
  const server = await ask(`${hubItself}/hub/api/users/gus@partner.example/server`, asked);
  assert.ok([201, 202].includes(server.status), server.text);
  left.cookies = (await left.page.context().cookies(hubUrl)).map(({ name, value }) => `${name}=${value}`).join('; ');
  await eventually('their server runs', async () => (await hubGet('users/gus@partner.example')).server !== null);
  assert.equal((await past()).status, 200);
  await signIn(left.page, chatUrl);
  assert.equal(await left.page.textContent('h1'), 'Hello @gus-partner.example:chat.example');
  left.token = chat.tokens.at(-1);
  assert.equal((await whoami(left.token)).status, 200);
});

test('when their time is up the hub has stopped their server, and knows them no more', async () => {
  const [grant] = (await rows('grants')).filter(({ person, app }) => person === 'gus@staff' && app === 'hub');
  await sleep(Date.parse(grant.until) - Date.now());
  assert.equal((await left.page.goto(hubUrl)).status(), 403);
  await eventually('the account in JupyterHub is closed', async () => {
    const { groups, server } = await hubGet('users/gus@partner.example');
    return !groups.includes('guestpass-users') && groups.includes('guests') && server === null;
  });
  // Past the gateway, with what they had when they were still welcome.
  await eventually('their cookies open nothing', async () => (await past()).status !== 200);
});

test('when their time is up the homeserver has locked them, and forgotten their device', async () => {
  await eventually('the account in Synapse is locked', async () =>
    (await synapseGet('v2/users/@gus-partner.example:chat.example')).locked);
  await eventually('their device is gone', async () => (await whoami(left.token)).status === 401);
  const again = await chat.login(chat.assertions.at(-1));
  assert.notEqual(again.status, 200, again.text);
  await left.page.context().close();
});

test('an operator gives them more time: the same accounts are open again', async () => {
  const theirs = (await rows('grants')).filter(({ person }) => person === 'gus@staff');
  for (const { id } of theirs) await guestpass('grants', 'extend', id, '--by', '1d', '--why', 'one more day');
  await eventually('JupyterHub lets them in', async () =>
    (await hubGet('users/gus@partner.example')).groups.includes('guestpass-users'));
  const page = await newPage();
  await signIn(page, chatUrl, 'gus');
  assert.equal(await page.textContent('h1'), 'Hello @gus-partner.example:chat.example');
  assert.equal((await accounts('gus')).length, 2);
  await page.context().close();
});

function configuration() {
  return `${configurationFor({ access, port, issuer: idp.issuer, clientId: client.client_id })}
  hub:
    title: JupyterHub
    host: hub.localhost
    upstream: ${hubItself}
    accounts:
      rest: jupyterhub
      url: ${hubItself}/hub/api
      auth: { bearer: "\${file:secrets/hub}" }
  chat:
    title: Chat
    host: chat.localhost
    upstream: http://127.0.0.1:${chatPort}
    accounts:
      rest: synapse
      url: ${synapse}
      auth: { bearer: "\${file:secrets/synapse}" }
      settings: { server-name: chat.example }
`;
}

async function startHub() {
  const env = { HUB_PORT: hubPort, HUB_TOKEN, OPERATOR_TOKEN, GATEWAY: access };
  const settings = new URL('./apps/jupyterhub_config.py', import.meta.url).pathname;
  return start('jupyterhub', `${appsFolder}/bin/jupyterhub`, ['-f', settings], { cwd: folder, env });
}

async function startSynapse() {
  const { text } = await ask(`${access}/.well-known/jwks.json`);
  const key = createPublicKey({ key: JSON.parse(text).keys[0], format: 'jwk' });
  const settings = {
    server_name: 'chat.example',
    pid_file: `${folder}/synapse.pid`,
    listeners: [{ port: synapsePort, bind_addresses: ['127.0.0.1'], type: 'http', resources: [{ names: ['client'] }] }],
    database: { name: 'sqlite3', args: { database: `${folder}/synapse.db` } },
    media_store_path: `${folder}/media`,
    signing_key_path: `${folder}/signing.key`,
    trusted_key_servers: [],
    report_stats: false,
    registration_shared_secret: 'shared',
    macaroon_secret_key: 'macaroon',
    form_secret: 'form',
    jwt_config: {
      enabled: true,
      secret: key.export({ type: 'spki', format: 'pem' }),
      algorithm: 'ES256',
      issuer: access,
      audiences: ['chat'],
      // What guestpass calls the account is the name before the colon.
      subject_claim: 'account',
    },
  };
  // JSON is YAML.
  writeFileSync(`${folder}/homeserver.yaml`, JSON.stringify(settings));
  const python = `${appsFolder}/bin/python`;
  const args = ['-m', 'synapse.app.homeserver', '-c', `${folder}/homeserver.yaml`];
  const keys = await run(python, [...args, '--generate-keys']);
  assert.equal(keys.code, 0, keys.stderr);
  return start('synapse', python, args, { cwd: folder });
}

/** Makes a server administrator, as Synapse's own tool does; returns a token of theirs. */
async function register(username) {
  const url = `${synapse}/_synapse/admin/v1/register`;
  const { nonce } = JSON.parse((await ask(url)).text);
  const said = [nonce, username, 'a password', 'admin'].join('\0');
  const mac = createHmac('sha1', 'shared').update(said).digest('hex');
  const body = JSON.stringify({ nonce, username, password: 'a password', admin: true, mac });
  return JSON.parse((await ask(url, { method: 'POST', body })).text).access_token;
}

const rows = async (list) => jsonLines((await guestpass(list, '--json')).stdout);

const accounts = async (sub, target) =>
  (await rows('accounts')).filter((row) => row.person === `${sub}@staff` && (!target || row.target === target));

async function startGateway() {
  const child = await start('guestpass-apps', binary, ['serve', '--config', config]);
  await eventually('the gateway is up', () => isUp(access));
  return child;
}

async function hubGet(path) {
  const headers = { authorization: `token ${HUB_TOKEN}` };
  return JSON.parse((await ask(`${hubItself}/hub/api/${path}`, { headers })).text);
}

async function synapseGet(path) {
  const headers = { authorization: `Bearer ${admin}` };
  return JSON.parse((await ask(`${synapse}/_synapse/admin/${path}`, { headers })).text);
}

/** What the hub itself answers to a guest's cookies. */
const past = () => ask(`${hubItself}/hub/home`, { headers: { cookie: left.cookies } });

const whoami = (token) =>
  ask(`${synapse}/_matrix/client/v3/account/whoami`, { headers: { authorization: `Bearer ${token}` } });

/** A page of a browser that nobody has used before. */
const newPage = async () => (await chromium.newContext()).newPage();

/** Goes to `url` and signs in on the way, unless they have already, until the app itself answers. */
async function signIn(page, url, sub) {
  await page.goto(url);
  if (sub) await page.getByRole('button', { name: sub }).click();
  await page.waitForURL((now) => now.host === new URL(url).host && !now.pathname.startsWith('/.guestpass'));
  // The waiting page moves on by itself.
  await eventually('the app answers', async () => !/Preparing your account/.test(await page.textContent('body')));
}
