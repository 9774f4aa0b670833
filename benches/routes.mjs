// `./scripts/bench routes`: a request costs the same whether there is one route or a thousand, one app or a thousand.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { freePort } from '../tests/e2e/helpers.mjs';
import { median, ratio, spread, table } from './figures.mjs';
import { guestpass, redirect } from './guestpass.mjs';
import { measure, wrk } from './measure.mjs';
import { HOST, Stage, bench } from './stage.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' } },
});
const THOUSAND = 1000;
const numbered = (name) => Array.from({ length: THOUSAND }, (_, number) => `${name}${number}`);
const rule = { roles: ['reader'] };
const path = `/part${THOUSAND - 1}`;

const few = { app: { host: HOST, routes: { [path]: rule } } };
const manyApps = Object.fromEntries(
  numbered('app').map((name) => [name, { host: `${name}.localhost`, routes: { [path]: rule } }]),
);
const manyRoutes = {
  app: { host: HOST, routes: Object.fromEntries(numbered('/part').map((prefix) => [prefix, rule])) },
};

const ports = [await freePort(), await freePort(), await freePort()];
const stage = await Stage.open({ redirects: ports.map((port) => redirect(port, false)) });
const targets = [
  await guestpass(stage, { name: 'one', port: ports[0], apps: few }),
  await guestpass(stage, { name: 'apps', port: ports[1], apps: manyApps, host: `app${THOUSAND - 1}.localhost` }),
  await guestpass(stage, { name: 'routes', port: ports[2], apps: manyRoutes }),
];
const figures = Object.fromEntries(targets.map(({ name }) => [name, []]));
for (let round = 0; round <= Number(options.rounds); round += 1) {
  for (const place of targets.keys()) {
    const { name, port, pid, headers } = targets[(place + round) % targets.length];
    const load = () => wrk(`http://127.0.0.1:${port}${path}/page`, headers, { seconds: Number(options.seconds) });
    const { us } = await measure(pid, load);
    if (round) figures[name].push(us);
  }
}
const said = { one: 'one app with one route', apps: 'a thousand apps', routes: 'one app with a thousand routes' };
const rows = Object.entries(figures).map(([name, us]) => [
  said[name], median(us).toFixed(2), name === 'one' ? '' : spread(ratio(us, figures.one)),
]);
console.log(table([['guestpass with', 'CPU µs/request', 'ratio'], ...rows]));
writeFileSync(`${bench}routes.json`, `${JSON.stringify(figures, null, 2)}\n`);
stage.close();
process.exit();
