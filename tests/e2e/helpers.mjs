// What the cases share: programs that are started and surely stopped, requests, waiting, and a browser.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The program under test. */
export const binary = process.env.GUESTPASS ?? `${root}target/debug/guestpass`;

/** The SCIM server that others wrote. */
export const scimServer = process.env.SCIM_SERVER ?? `${root}target/e2e/venv/bin/scim2-server`;

/** The Python environment with the applications that others wrote. */
export const appsFolder = process.env.E2E_APPS ?? `${root}target/e2e/apps`;

/** Where logs and pictures go. */
export const output = `${root}target/e2e/`;
mkdirSync(output, { recursive: true });

const running = new Set();
const begun = new Set();
process.on('exit', () => running.forEach((child) => child.kill()));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** A folder that goes when the test does. */
export function temporaryFolder() {
  const folder = mkdtempSync(`${tmpdir()}/guestpass-e2e-`);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Starts a program; what it says goes to `target/e2e/NAME.log`. */
export async function start(name, command, args, { cwd, env } = {}) {
  // What is started again goes on in the same log.
  const file = openSync(`${output}${name}.log`, begun.has(name) ? 'a' : 'w');
  begun.add(name);
  const child = spawn(command, args.map(String), {
    stdio: ['ignore', file, file],
    cwd,
    env: { ...process.env, ...env },
  });
  closeSync(file);
  running.add(child);
  child.on('exit', () => running.delete(child));
  await once(child, 'spawn');
  return child;
}

/** Ends a program and waits until it is gone. */
export async function stop(child, signal = 'SIGTERM') {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** Runs a program to its end. */
export async function run(command, args, env = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', (chunk) => (said[stream] += chunk));
  const [code] = await once(child, 'close');
  running.delete(child);
  return { code, ...said };
}

/** Runs a command of guestpass by the configuration in a file; it has to succeed. */
export const commandsOf = (config) => async (...args) => {
  const done = await run(binary, args, { GUESTPASS_CONFIG: config });
  assert.equal(done.code, 0, `guestpass ${args.join(' ')}: ${done.stdout}${done.stderr}`);
  return done;
};

/** The objects in a text that holds one a line. */
export const jsonLines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

/** What a program has said so far. */
export const log = (name) => readFileSync(`${output}${name}.log`, 'utf8');

/** A port on loopback that nobody listens on, and that nobody gets who asks for any: those are from 32768 on. */
export async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(() => true, () => false);
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

// Names under .localhost are loopback to browsers, not to every libc.
const loopback = (_host, options, found) =>
  options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4);

/** Asks without following anything: `{ status, headers, text }`. */
export async function ask(url, { method = 'GET', headers = {}, body } = {}) {
  const asked = request(url, { method, headers, lookup: loopback, agent: false });
  asked.end(body);
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

/** Waits until `look` returns something true, and returns it. */
export async function eventually(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await Promise.resolve().then(look).catch((error) => void (eventually.last = error));
    if (found) return found;
    if (Date.now() > end) assert.fail(`${what}: not within ${seconds} seconds. ${eventually.last ?? ''}`);
    await sleep(100);
  }
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.max(milliseconds, 0)));

/** Answers yes once something listens at `url`. */
export const isUp = (url) => ask(url).then(() => true, () => false);

/** A headless Chromium, the one that the system has. */
export const browser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Its own sandbox does not work for root; it sees our own pages only, and asks nobody else for anything.
    args: ['--disable-quic', '--disable-sync', '--disable-gpu', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });

/** Waits for a page with this heading. */
export const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();

/** A page of a browser of their own in which somebody sees the app at `url` that greets them by `name`, and its cookies there. */
export async function signedIn(chromium, url, name, answer) {
  const page = await (await chromium.newContext()).newPage();
  await page.goto(url);
  await answer(page);
  await heading(page, `Hello ${name}`);
  const cookies = await page.context().cookies(url);
  return { page, cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') };
}

/**
 * The beginning of a configuration of guestpass, for a provider called staff, of which `more` may be said; what comes after
 * `apps:` is the caller's.
 */
export const configurationFor = ({ access, port, issuer, clientId, more = 'scopes: [profile, email, groups]' }) => `
url: ${access}
listen: 127.0.0.1:${port}
shutdown: { announce: 0s }
store: sqlite:guestpass.db
key: "\${file:secrets/key}"
policies: policies/
providers:
  staff:
    issuer: ${issuer}
    client: { id: ${clientId}, secret: "\${file:secrets/oidc}" }
    ${more}
apps:`;
