// What provisioning takes: accounts in a second, the share of a target's allowance that is used, many ends at once, the
// start with a million accounts, and what a first sign-in waits beyond what the target itself takes.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { eventually, freePort, run, start, stop } from '../tests/e2e/helpers.mjs';
import { mebibytes, median, table } from './figures.mjs';
import { configure, redirect, serve } from './guestpass.mjs';
import { ask, login } from './login.mjs';
import { memory } from './measure.mjs';
import { HOST, SUB, Stage, bench } from './stage.mjs';

const { values: wanted } = parseArgs({
  options: {
    accounts: { type: 'string', default: '5000' },
    members: { type: 'string', default: '50000' },
    ends: { type: 'string', default: '20000' },
    start: { type: 'string', default: '1000000' },
    logins: { type: 'string', default: '200' },
    only: { type: 'string', multiple: true },
  },
});
const number = (name) => Number(wanted[name]);
const figures = {};
const bars = [
  ['scim_accounts_per_s', 200, (figure, bar) => figure >= bar],
  ['large_group_accounts_per_s', 100, (figure, bar) => figure >= bar],
  ['limited_share', 0.95, (figure, bar) => figure >= bar],
  ['limited_429', 0, (figure, bar) => figure <= bar],
  ['requests_after_deadline', 0, (figure, bar) => figure <= bar],
  ['startup_1m_s', 5, (figure, bar) => figure <= bar],
  ['first_login_overhead_ms_p50', 10, (figure, bar) => figure <= bar],
];

/** A fake target of its own process: `{ url, told, stop }`. */
async function target(name, options = []) {
  const port = await freePort();
  const path = new URL('target.mjs', import.meta.url).pathname;
  const child = await start(name, process.execPath, [path, `${port}`, ...options.map(String)]);
  const at = `http://127.0.0.1:${port}`;
  await eventually(`${name} answers`, () => ask(`${at}/told`));
  return {
    accounts: { scim: `${at}/scim/v2`, token: 'a-token-between-the-two', parallel: 16 },
    told: async () => JSON.parse((await ask(`${at}/told`)).text),
    stop: () => stop(child),
  };
}

/** A store with these people, and guestpass started with it. */
async function peopled(name, stage, { accounts, people, upstream, guard }) {
  const port = await freePort();
  const config = configure(name, stage, { port, upstream, apps: { app: { host: HOST, accounts: { ...accounts, ...guard } } } });
  // Makes the tables.
  await stop(await serve(name, config, port));
  const path = new URL('people.py', import.meta.url).pathname;
  const filled = await run('python3', [path, `${bench}run/${name}/guestpass.db`, ...people().map(String)]);
  if (filled.code !== 0) throw new Error(filled.stderr);
  const began = Date.now();
  const child = await serve(name, config, port);
  return { port, child, began, took: Date.now() - began };
}

/** Waits for a number to come to `until`, looking often. */
async function reaches(until, look, patience = 600_000) {
  const late = Date.now() + patience;
  for (;;) {
    const now = await look();
    if (now >= until) return now;
    if (Date.now() > late) throw new Error(`${now} of ${until} after ${patience / 1000} s`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Accounts that are due when it starts, into a target that never says no. */
async function unlimited(stage) {
  const fake = await target('target-unlimited');
  const count = number('accounts');
  const { child, began } = await peopled('provision-unlimited', stage, {
    accounts: fake.accounts, people: () => [count, '--wanted'],
  });
  await reaches(count, async () => (await fake.told()).created);
  const took = (Date.now() - began) / 1000;
  const { created, twice } = await fake.told();
  if (created !== count || twice) throw new Error(`${created} created for ${count} people, ${twice} of them twice`);
  figures.scim_accounts_per_s = count / took;
  await stop(child);
  await fake.stop();
}

/** The same into a group that tens of thousands are in. */
async function grouped(stage) {
  const fake = await target('target-grouped', ['--members', number('members')]);
  const count = number('accounts');
  const { child, began } = await peopled('provision-grouped', stage, {
    accounts: fake.accounts, people: () => [count, '--wanted', '--group', 'readers'],
  });
  await reaches(count, async () => (await fake.told()).joined);
  figures.large_group_accounts_per_s = count / ((Date.now() - began) / 1000);
  await stop(child);
  await fake.stop();
}

/** The same into one that allows 500 requests in ten seconds, and says so. */
async function limited(stage) {
  const [limit, window] = [500, 10_000];
  const fake = await target('target-limited', ['--limit', limit, '--window', window]);
  const { child } = await peopled('provision-limited', stage, {
    accounts: fake.accounts, people: () => [number('accounts'), '--wanted'],
  });
  await new Promise((done) => setTimeout(done, 4.5 * window));
  const { windows, refused } = await fake.told();
  // The first and the last were not there as a whole.
  const whole = Object.values(windows).slice(1, -1);
  figures.limited_share = whole.reduce((sum, used) => sum + Math.min(used, limit), 0) / (whole.length * limit);
  figures.limited_429 = refused;
  await stop(child);
  await fake.stop();
}

/** An app that answers. */
async function app() {
  const server = createServer((_request, response) => response.end('well'));
  const port = await freePort();
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return { port, close: () => server.close() };
}

/** Everybody's access ends in the same second, while many of them are at work. */
async function ends(stage) {
  const [fake, protectedApp, count] = [await target('target-ends'), await app(), number('ends')];
  let deadline;
  const people = () => {
    deadline = Math.ceil(Date.now() / 1000 + 15 + count / 5000) * 1000;
    return [count, '--host', HOST, '--until', deadline * 1000];
  };
  const { child, port } = await peopled('provision-ends', stage, { accounts: fake.accounts, people, upstream: protectedApp.port });
  let [next, opened, shut, late] = [0, 0, 0, 0];
  const visitor = async () => {
    while (Date.now() < deadline + 3000) {
      next = (next + 1) % count;
      const sent = Date.now();
      const { status } = await ask(`http://${HOST}:${port}/`, { headers: { cookie: `guestpass=t${next}` } });
      if (status === 200) opened += 1;
      else shut += 1;
      if (status === 200 && sent >= deadline) late += 1;
    }
  };
  await Promise.all(Array.from({ length: 32 }, visitor));
  if (!opened || !shut) throw new Error(`${opened} let in, ${shut} not: nobody was there at the deadline`);
  figures.requests_after_deadline = late;
  await reaches(count, async () => (await fake.told()).disabled);
  figures.last_disable_s = ((await fake.told()).lastDisable - deadline) / 1000;
  await stop(child);
  protectedApp.close();
  await fake.stop();
}

/** How long it takes to answer, with so many accounts, and what it keeps in memory. */
async function startUp(stage) {
  const fake = await target('target-start');
  const { child, took } = await peopled('provision-start', stage, { accounts: fake.accounts, people: () => [number('start')] });
  figures.startup_1m_s = took / 1000;
  await new Promise((done) => setTimeout(done, 5000));
  figures.startup_1m_mb = Number(mebibytes(memory(child.pid)));
  await stop(child);
  await fake.stop();
}

/** What a first sign-in takes beyond one that finds its account, and beyond what the target takes. */
async function firstLogins() {
  const [latency, calls] = [20, 3];
  const fake = await target('target-logins', ['--latency', latency]);
  const port = await freePort();
  const stage = await Stage.open({ redirects: [redirect(port)] });
  const config = configure('provision-logins', stage, { port, apps: { app: { host: HOST, accounts: fake.accounts } } });
  const child = await serve('provision-logins', config, port);
  const walk = async (sub) => {
    const began = performance.now();
    await login(`http://${HOST}:${port}/`, sub);
    return performance.now() - began;
  };
  await walk(SUB);
  const overheads = [];
  for (let visitor = 0; visitor < number('logins'); visitor += 1) {
    const sub = `visitor-${visitor}`;
    stage.idp.people[sub] = { name: `Visitor ${visitor}`, email: `${sub}@example.com`, email_verified: true };
    const before = (await fake.told()).requests;
    const first = await walk(sub);
    const made = (await fake.told()).requests - before;
    if (made !== calls) throw new Error(`a first sign-in took ${made} calls, not ${calls}`);
    overheads.push(first - (await walk(sub)) - calls * latency);
  }
  figures.first_login_overhead_ms_p50 = median(overheads);
  await stop(child);
  stage.close();
  await fake.stop();
}

const parts = { unlimited, grouped, limited, ends, start: startUp, logins: firstLogins };
const stage = await Stage.open();
for (const [name, part] of Object.entries(parts)) {
  if (wanted.only && !wanted.only.includes(name)) continue;
  console.log(`Measuring: ${name}`);
  await part(stage);
}
stage.close();

const said = (figure) => (Number.isInteger(figure) ? `${figure}` : figure.toFixed(2));
console.log(`\n${table([['figure', 'measured'], ...Object.entries(figures).map(([name, figure]) => [name, said(figure)])])}\n`);
for (const [name, bar, met] of bars) {
  if (name in figures) console.log(`${name}: ${said(figures[name])}, bar ${bar}: ${met(figures[name], bar) ? 'met' : 'MISSED'}`);
}
writeFileSync(`${bench}provisioning.json`, `${JSON.stringify(figures, null, 1)}\n`);
console.log(`\nWritten to ${bench}provisioning.json.`);
