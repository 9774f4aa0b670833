// guestpass as it is measured: two workers, one app unless said otherwise, no accounts, a person who has signed in.

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { binary, eventually, run, start } from '../tests/e2e/helpers.mjs';
import { login, ask } from './login.mjs';
import { HOST, SUB, folder } from './stage.mjs';

/** Workers of guestpass, and of every proxy that it is compared with. */
export const WORKERS = 2;

/** One app, which any role opens. */
const one = { app: { host: HOST } };

/** Where people come back to after signing in. */
export const redirect = (port, tls) => `${tls ? 'https' : 'http'}://access.localhost:${port}/callback`;

/**
 * Writes a configuration below `target/bench/run/NAME`; its path. `apps` are settings by name, without their upstream;
 * `roles` are more than the one that everybody has, `settings` take the place of what would be said.
 */
export function configure(name, stage, { port, tls = false, apps = one, upstream = stage.upstream, roles, settings: more }) {
  const own = folder(name);
  mkdirSync(`${own}policies`);
  const settings = {
    url: new URL(redirect(port, tls)).origin,
    listen: `127.0.0.1:${port}`,
    ...(tls && { tls: { certificate: stage.tls.certificate, key: stage.tls.key } }),
    store: 'sqlite:guestpass.db',
    key: randomBytes(32).toString('base64url'),
    workers: WORKERS,
    'access-log': 'off',
    policies: 'policies/',
    providers: {
      bench: {
        issuer: stage.idp.issuer,
        client: { id: stage.client.client_id, secret: stage.client.client_secret },
      },
    },
    apps: Object.fromEntries(
      Object.entries(apps).map(([app, its]) => [app, { upstream: `http://127.0.0.1:${upstream}`, ...its }]),
    ),
    ...more,
  };
  const gets = Object.fromEntries(Object.keys(apps).map((app) => [app, {}]));
  const reader = { who: { provider: 'bench' }, gets, for: { ttl: '30d' } };
  // JSON is YAML.
  writeFileSync(`${own}policies/bench.yaml`, JSON.stringify({ version: 1, roles: { reader, ...roles } }, null, 1));
  writeFileSync(`${own}guestpass.yaml`, JSON.stringify(settings, null, 1));
  return `${own}guestpass.yaml`;
}

/** Whether this guestpass accepts a configuration; if not, its first mistake. */
export async function check(config) {
  const { code, stdout, stderr } = await run(binary, ['check', '--config', config]);
  return code === 0 ? { accepted: true } : { accepted: false, why: `${stderr}${stdout}`.trim().split('\n')[0] };
}

/** Starts it with a configuration of `configure`. */
export async function serve(name, config, port, tls = false) {
  const child = await start(name, binary, ['serve', '--config', config]);
  await eventually(`${name} answers`, () => ask(`${new URL(redirect(port, tls)).origin}/`));
  return child;
}

/** Configures and starts it, and signs the person in: `{ name, url, pid, headers }`. */
export async function guestpass(stage, { name = 'guestpass', host = HOST, ...how }) {
  const { port, tls } = how;
  const child = await serve(name, configure(name, stage, how), port, tls);
  const cookie = await login(`${tls ? 'https' : 'http'}://${host}:${port}/`, SUB);
  return { name, port, child, pid: child.pid, headers: { Host: `${host}:${port}`, Cookie: cookie } };
}

