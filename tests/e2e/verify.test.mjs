// The examples for apps, five languages behind one real gateway: each believes what it is told by it, and nothing else.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SignJWT, decodeJwt, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { Idp } from './provider.mjs';
import { ask, binary, browser, eventually, freePort, isUp, run, sleep, start, stop, temporaryFolder } from './helpers.mjs';

const examples = fileURLToPath(new URL('../../examples/verify', import.meta.url));

/** How each is started. Those that could not be built are named by whoever runs this, and left out. */
const commands = {
  go: [process.env.VERIFY_GO],
  java: ['java', '-cp', `${examples}/java/target/classes:${examples}/java/target/dependency/*`, 'App'],
  node: ['node', `${examples}/node/app.mjs`],
  python: [process.env.VERIFY_PYTHON, `${examples}/python/app.py`],
  rust: [process.env.VERIFY_RUST],
};
const languages = (process.env.VERIFY ?? 'go java node python rust').split(' ').filter(Boolean);

/** How long access lasts, in seconds: enough to sign in and to try everything on a slow machine, and soon over. */
const TTL = 40;

const folder = temporaryFolder();
const [port, idpPort] = [await freePort(), await freePort()];
// Not below .localhost: not every library knows that this is loopback.
const guestpass = `http://localhost:${port}`;
const client = {
  client_id: 'guestpass',
  client_secret: 'a-secret-between-the-two',
  redirect_uris: [`${guestpass}/callback`],
  post_logout_redirect_uris: [`${guestpass}/signed-out`],
};
const people = { erin: { name: 'Erin Müller', email: 'erin@example.com', email_verified: true, groups: [] } };
const idp = new Idp({ port: idpPort, client, people });
const apps = {};
let gateway, chromium;

before(async () => {
  for (const name of [...languages, 'other']) apps[name] = await startApp(name);
  await run(binary, ['init', folder]);
  writeFileSync(`${folder}/secrets/oidc`, client.client_secret);
  writeFileSync(`${folder}/guestpass.yaml`, configuration());
  writeFileSync(`${folder}/policies/contractors.yaml`, policy());
  await idp.start();
  gateway = await start('verify-guestpass', binary, ['serve', '--config', `${folder}/guestpass.yaml`]);
  await eventually('the gateway is up', () => isUp(guestpass));
  chromium = await browser();
  const page = await (await chromium.newContext()).newPage();
  await page.goto(url('other'));
  await page.getByRole('button', { name: 'erin' }).click();
  await page.waitForURL(url('other'));
  for (const name of languages) {
    const reply = await page.goto(url(name));
    apps[name].told = { status: reply.status(), claims: await reply.json() };
  }
});

after(async () => {
  await chromium?.close();
  await stop(gateway);
  idp.stop();
  for (const { child, server } of Object.values(apps)) {
    server.close();
    server.closeAllConnections();
    await stop(child);
  }
});

for (const name of languages) {
  test(`${name} learns who it is, and what they may do`, () => {
    const { status, claims } = apps[name].told;
    assert.equal(status, 200, JSON.stringify(claims));
    const { sub, idp_iss, roles, aud, email, name: displayed } = claims;
    assert.deepEqual(
      { sub, idp_iss, roles, aud: [aud].flat(), email, displayed },
      { sub: 'erin', idp_iss: idp.issuer, roles: ['employee'], aud: [name], email: 'erin@example.com', displayed: 'Erin Müller' },
    );
  });

  test(`${name} believes the same word again, and nothing that is not guestpass's word to it`, async () => {
    const { word } = apps[name];
    assert.equal(await answer(name, word), 200);
    for (const [what, forged] of await forgeries(word)) assert.equal(await answer(name, forged), 401, what);
  });
}

test('none of them believes a word whose time is over', async () => {
  const last = Math.max(...languages.map((name) => decodeJwt(apps[name].word).exp));
  // A few seconds are allowed for clocks that differ.
  await sleep((last + 7) * 1000 - Date.now());
  for (const name of languages) assert.equal(await answer(name, apps[name].word), 401, name);
});

/** What must not be believed, and what is wrong with it. */
async function forgeries(word) {
  const [header, payload, signature] = word.split('.');
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const read = (text) => JSON.parse(Buffer.from(text, 'base64url'));
  const [said, claims] = [read(header), read(payload)];
  const { privateKey } = await generateKeyPair('ES256');
  const sign = (over) => new SignJWT(claims).setProtectedHeader({ ...said, ...over }).sign(privateKey);
  const { keys: [key] } = JSON.parse((await ask(`${guestpass}/.well-known/jwks.json`)).text);
  const spki = new TextEncoder().encode(await exportSPKI(await importJWK(key, 'ES256', { extractable: true })));
  const symmetric = new SignJWT(claims).setProtectedHeader({ ...said, alg: 'HS256' });
  const flipped = Buffer.from(signature, 'base64url');
  flipped[10] ^= 1;
  return [
    ['nothing', undefined],
    ['no token', 'erin'],
    ['more roles', [header, part({ ...claims, roles: ['admin'] }), signature].join('.')],
    ['another type', [part({ ...said, typ: 'JWT' }), payload, signature].join('.')],
    ['no signature', [header, payload, ''].join('.')],
    ['a changed signature', [header, payload, flipped.toString('base64url')].join('.')],
    ['no algorithm', [part({ ...said, alg: 'none' }), payload, ''].join('.')],
    ['the public key as a secret', await symmetric.sign(spki)],
    ["another's key by our key's name", await sign({})],
    ['a key that nobody knows', await sign({ kid: 'nobody' })],
    ['a key that came along', await sign({ jwk: key, kid: undefined })],
    ['a word to another app', apps.other.word],
  ];
}

/** An app: what was built, and before it what notes the word that came. `other` is nobody's, and only notes. */
async function startApp(name) {
  const [at, behind] = [await freePort(), await freePort()];
  const app = { at, behind };
  app.server = createServer(async (incoming, response) => {
    app.word = incoming.headers['guestpass-assertion'];
    if (name === 'other') return response.end('Hello');
    const asked = request({ host: '127.0.0.1', port: behind, path: incoming.url, headers: incoming.headers });
    asked.on('error', (error) => response.writeHead(502).end(error.message));
    asked.end();
    const [answered] = await once(asked, 'response');
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  }).listen(at, '127.0.0.1');
  await once(app.server, 'listening');
  if (name === 'other') return app;
  const [command, ...args] = commands[name];
  app.child = await start(`verify-${name}`, command, args, { env: { GUESTPASS: guestpass, APP: name, PORT: behind } });
  await eventually(`${name} is up`, () => isUp(`http://127.0.0.1:${behind}`));
  return app;
}

/** What the app itself answers, asked past the gateway. */
async function answer(name, word) {
  const headers = word === undefined ? {} : { 'guestpass-assertion': word };
  return (await ask(`http://127.0.0.1:${apps[name].behind}/`, { headers })).status;
}

const url = (name) => `http://${name}.localhost:${port}/`;

function configuration() {
  const app = ([name, { at }]) => `  ${name}: { host: ${name}.localhost, upstream: "http://127.0.0.1:${at}" }`;
  return `
url: ${guestpass}
listen: 127.0.0.1:${port}
shutdown: { announce: 0s }
store: sqlite:guestpass.db
key: "\${file:secrets/key}"
policies: policies/
providers:
  staff: { issuer: "${idp.issuer}", client: { id: guestpass, secret: "\${file:secrets/oidc}" } }
apps:
${Object.entries(apps).map(app).join('\n')}
`;
}

const policy = () => `
version: 1
roles:
  employee:
    who: { provider: staff }
    gets: { ${Object.keys(apps).map((name) => `${name}: {}`).join(', ')} }
    for: { ttl: ${TTL}s }
`;
