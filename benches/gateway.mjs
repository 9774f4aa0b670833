// `./scripts/bench gateway`: what a request costs guestpass and the proxies that people use today, side by side.

import assert from 'node:assert/strict';
import { cpus, release } from 'node:os';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { freePort, stop } from '../tests/e2e/helpers.mjs';
import { interval, mebibytes, median, ratio, spread, table } from './figures.mjs';
import { check, configure, guestpass, redirect } from './guestpass.mjs';
import { ask } from './login.mjs';
import { h2load, measure, memory, wrk } from './measure.mjs';
import * as peers from './peers.mjs';
import { BODY, HOST, Stage, bench } from './stage.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '2' },
    scenario: { type: 'string', multiple: true },
    proxy: { type: 'string', multiple: true },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
/** Where less hangs on it. */
const fewer = Math.min(rounds, 9);
const wanted = (name) => name === 'guestpass' || !options.proxy || options.proxy.includes(name);

/** The most that a request may cost, as a multiple of what it costs the peer. */
const bars = { nginx: 1.15, haproxy: 1, mod_auth_openidc_server: 0.2, mod_auth_openidc_cookie: 0.2, oauth2_proxy: 0.2 };

const ours = { plain: await freePort(), tls: await freePort() };
const ports = Object.fromEntries(await Promise.all(Object.keys(peers).map(async (name) => [name, await freePort()])));
const origin = (port) => `http://${HOST}:${port}`;
const stage = await Stage.open({
  redirects: [
    redirect(ours.plain, false), redirect(ours.tls, true), `${origin(ports.oauth2Proxy)}${peers.redirects.oauth2Proxy}`,
    ...['apacheServer', 'apacheCookie'].map((name) => `${origin(ports[name])}${peers.redirects.apache}`),
  ],
});

const us = await guestpass(stage, { port: ours.plain });
const sent = await seen(us);
const tls = await overTls();
const proxies = [us, ...(await startPeers())];
for (const proxy of proxies) await prove(proxy);

const scenarios = {
  warm: { what: '128-byte answers, HTTP/1.1, 64 connections', rounds, targets: proxies.map(over('http')), load: wrk },
  large: {
    what: '100 KB answers, HTTP/1.1, 64 connections', rounds: fewer, path: '/large', load: wrk,
    targets: proxies.filter(({ open }) => open ?? false).concat(us).map(over('http')),
  },
  tls: { what: '128-byte answers, HTTP/1.1 over TLS, 64 connections', rounds: fewer, load: wrk, targets: secure() },
  h2: { what: '128-byte answers, HTTP/2 over TLS, 16 connections of 4 streams', rounds: fewer, load: h2load, targets: secure() },
};
const report = {
  at: new Date().toISOString(),
  machine: { cpu: cpus()[0].model, cores: cpus().length, kernel: release() },
  settings: { rounds, seconds },
};
for (const [name, scenario] of Object.entries(scenarios)) {
  if (options.scenario && !options.scenario.includes(name)) continue;
  console.log(`\n${name}: ${scenario.what}`);
  if (!scenario.targets) console.log(`  skipped: this guestpass takes no \`tls\` (${tls.why})`);
  else report[name] = await compare(scenario);
}
conclude();
await Promise.all([tls, ...proxies].map(({ child }) => stop(child)));
stage.close();
process.exit();

/** Starts those that were asked for; they set what guestpass was seen to set. */
async function startPeers() {
  const words = { 'Guestpass-Assertion': 'a'.repeat(sent['guestpass-assertion'].length) };
  if (sent['x-request-id']) words['X-Request-Id'] = sent['x-request-id'];
  const names = {
    nginx: 'nginx', haproxy: 'haproxy', caddy: 'caddy', apacheServer: 'mod_auth_openidc_server',
    apacheCookie: 'mod_auth_openidc_cookie', oauth2Proxy: 'oauth2_proxy',
  };
  const started = [];
  for (const [key, name] of Object.entries(names)) {
    if (!wanted(name)) continue;
    try {
      started.push(await peers[key](stage, { port: ports[key], tlsPort: await freePort(), words }));
    } catch (error) {
      console.log(`${name} is left out: ${error.message}`);
    }
  }
  // A cookie as large as ours for those who do not look at it.
  return started.map((peer) => ({ headers: { ...us.headers, Host: `${HOST}:${peer.port}` }, ...peer }));
}

/** guestpass with a TLS listener, where it can have one. */
async function overTls() {
  const config = configure('guestpass-tls', stage, { port: ours.tls, tls: true });
  const { accepted, why } = await check(config);
  if (!accepted) return { why };
  return guestpass(stage, { name: 'guestpass-tls', port: ours.tls, tls: true });
}

/** Those that end TLS themselves. */
function secure() {
  if (!tls.pid) return undefined;
  // wrk names no host in SNI, and Caddy then ends the handshake.
  const others = proxies.filter(({ name, tlsPort }) => tlsPort && name !== 'caddy').map((peer) => ({ ...peer, port: peer.tlsPort }));
  return [{ ...tls, name: 'guestpass' }, ...others].map(over('https'));
}

function over(scheme) {
  return (proxy) => ({ ...proxy, url: `${scheme}://127.0.0.1:${proxy.port}` });
}

/** What the app was sent through a proxy. */
async function seen({ port, headers }) {
  const { status, text } = await ask(`http://127.0.0.1:${port}/seen`, { headers });
  assert.equal(status, 200, text);
  const pairs = text.trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return Object.fromEntries(pairs);
}

/** A proxy sends on what it should, and one that knows people refuses whoever has no cookie. */
async function prove(proxy) {
  const { name, port, headers, open } = proxy;
  const answer = await ask(`http://127.0.0.1:${port}/`, { headers });
  assert.deepEqual([answer.status, answer.text], [200, BODY], `${name} does not send on`);
  const { Cookie: _, ...nobody } = headers;
  const refused = await ask(`http://127.0.0.1:${port}/`, { headers: { ...nobody, accept: 'application/json' } });
  assert.equal(refused.status === 200, open ?? false, `${name} answers ${refused.status} to nobody`);
  proxy.seen = await seen(proxy);
}

/** Measures all in each round, each time in another order; the first round warms up. */
async function compare({ targets, load, path = '/', rounds }) {
  const figures = Object.fromEntries(targets.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const order = targets.map((_, place) => targets[(place + round) % targets.length]);
    for (const { name, url, pid, headers } of order) {
      const taken = await measure(pid, () => load(`${url}${path}`, headers, { seconds }));
      if (round) figures[name].push(taken);
    }
  }
  const rows = Object.fromEntries(targets.map((target) => [target.name, summary(target, figures)]));
  print(rows);
  return { cpu_us: pick(rows, 'cpuUs'), ratio: pick(rows, 'ratio'), proxies: rows };
}

function summary({ name, pid, seen: { length } = {} }, figures) {
  const column = (key) => figures[name].map((round) => round[key]);
  const row = { cpuUs: median(column('us')), cpuUsInterval: interval(column('us')), rounds: column('us') };
  for (const key of ['userUs', 'systemUs', 'perSecond', 'p50Ms', 'p99Ms']) row[key] = median(column(key));
  row.memoryBytes = memory(pid);
  if (length) row.requestBytesAtApp = Number(length);
  if (name !== 'guestpass') {
    const compared = ratio(figures.guestpass.map(({ us }) => us), column('us'));
    Object.assign(row, { ratio: compared.median, ratioInterval: compared.interval });
  }
  return row;
}

function pick(rows, key) {
  return Object.fromEntries(Object.entries(rows).filter(([, row]) => key in row).map(([name, row]) => [name, row[key]]));
}

function print(rows) {
  const head = ['proxy', 'CPU µs/request', 'user', 'system', 'requests/s', 'p50 ms', 'p99 ms', 'MiB', 'guestpass / it'];
  const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
  const lines = Object.entries(rows).map(([name, row]) => [
    name, spread({ median: row.cpuUs, interval: row.cpuUsInterval }, 1), number(row.userUs, 1), number(row.systemUs, 1),
    number(row.perSecond, 0), number(row.p50Ms, 2), number(row.p99Ms, 2), mebibytes(row.memoryBytes),
    row.ratio ? spread({ median: row.ratio, interval: row.ratioInterval }) : '',
  ]);
  console.log(table([head, ...lines]));
}

/** Writes the figures, those of the warm path first, and says whether the bars are met. */
function conclude() {
  const { warm = {}, ...others } = report;
  const file = `${bench}gateway.json`;
  writeFileSync(file, `${JSON.stringify({ ...warm, ...others, bars }, null, 2)}\n`);
  console.log(`\nWritten to ${file}.`);
  if (!warm.ratio) return;
  for (const [peer, bar] of Object.entries(bars)) {
    const found = warm.ratio[peer];
    const said = found === undefined ? 'not measured' : `${found.toFixed(2)}: ${found <= bar ? 'met' : 'MISSED'}`;
    console.log(`at most ${bar.toFixed(2)} of ${peer}: ${said}`);
  }
}
