// `./scripts/bench profile`: where the time of a warm request goes, by function, as perf samples it.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { freePort, run } from '../tests/e2e/helpers.mjs';
import { guestpass, redirect } from './guestpass.mjs';
import { measure, wrk } from './measure.mjs';
import { Stage, bench } from './stage.mjs';

const { values: options } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } });
const seconds = Number(options.seconds);
/** Functions below this share of the samples are not printed. */
const LEAST = 0.4;
const data = `${bench}perf.data`;

const port = await freePort();
const stage = await Stage.open({ redirects: [redirect(port, false)] });
const { pid, headers } = await guestpass(stage, { port });
const load = (seconds) => wrk(`http://127.0.0.1:${port}/`, headers, { seconds });
await load(2);
// By the clock: virtual machines often have no hardware counters. At a prime rate, so as not to beat with timers.
const record = ['record', '-e', 'cpu-clock', '-F', '1999', '-p', `${pid}`, '-o', data, '--', 'sleep', `${seconds}`];
const [{ us, userUs, systemUs }, recorded] = await Promise.all([
  measure(pid, () => load(seconds + 1)), run('perf', record),
]);
if (recorded.code !== 0) throw new Error(`perf: ${recorded.stderr}`);

const report = ['report', '-i', data, '--stdio', '--no-children', '-F', 'overhead,dso,symbol', '-t', '\t'];
const { stdout } = await run('perf', report);
const rows = stdout.split('\n').filter((line) => /^ *\d/.test(line)).map((line) => {
  const [share, dso, symbol] = line.split('\t').map((field) => field.trim());
  return { share: Number(share.replace('%', '')), kernel: dso.includes('kernel'), symbol: symbol.replace(/^\[.\] /, '') };
});
console.log(`${us.toFixed(2)} µs of CPU for a request: ${userUs.toFixed(2)} user, ${systemUs.toFixed(2)} system`);
for (const kernel of [false, true]) {
  const here = rows.filter((row) => row.kernel === kernel);
  const whole = here.reduce((sum, { share }) => sum + share, 0);
  console.log(`\n${kernel ? 'kernel' : 'user'}: ${whole.toFixed(1)} % of the samples`);
  console.log('   %     µs  function');
  for (const { share, symbol } of here.filter(({ share }) => share >= LEAST)) {
    console.log(`${share.toFixed(1).padStart(4)}  ${((share / 100) * us).toFixed(2).padStart(5)}  ${symbol}`);
  }
}
writeFileSync(`${bench}profile.json`, `${JSON.stringify({ us, userUs, systemUs, rows }, null, 1)}\n`);
console.log(`\nRaw samples: perf report -i ${data}`);
stage.close();
process.exit();
