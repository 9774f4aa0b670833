// `./scripts/bench memory`: bytes for an idle WebSocket, and for a session in memory.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { eventually, freePort, sleep, stop } from '../tests/e2e/helpers.mjs';
import { mebibytes } from './figures.mjs';
import { guestpass, redirect } from './guestpass.mjs';
import { memory } from './measure.mjs';
import { bytesPerSession } from './sessions.mjs';
import { Stage, bench, listening } from './stage.mjs';
import { openMany } from './websocket.mjs';

/** What guestpass keeps open for other things, and a little more. */
const SPARE = 300;
const files = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
/** Of each WebSocket guestpass has two ends. */
const most = Math.floor((files - SPARE) / 2);

const { values: options } = parseArgs({
  options: {
    websockets: { type: 'string', default: `${most}` },
    sessions: { type: 'string', default: '1000000' },
  },
});

const [port, echoPort, sessionsPort] = [await freePort(), await freePort(), await freePort()];
const stage = await Stage.open({ redirects: [redirect(port, false), redirect(sessionsPort, false)] });
const report = {};
if (Number(options.websockets)) report.websockets = await idleWebSockets(Number(options.websockets));
if (Number(options.sessions)) report.sessions = await bytesPerSession(stage, sessionsPort, Number(options.sessions));
writeFileSync(`${bench}memory.json`, `${JSON.stringify(report, null, 2)}\n`);
stage.close();
process.exit();

/** Opens as many as it is told, lets them rest, and has each of them answer in the end. */
async function idleWebSockets(count) {
  await listening('echo', echoPort, process.execPath, [new URL('echo.mjs', import.meta.url).pathname, echoPort]);
  const { pid, headers, child } = await guestpass(stage, { port, upstream: echoPort });
  const before = memory(pid);
  const opened = await openMany(count, { port, headers });
  await sleep(3000);
  const bytes = memory(pid) - before;
  opened.sendToAll();
  await eventually('every WebSocket answers', () => opened.answered() === count, 60);
  await stop(child);
  console.log(`${count} idle WebSockets, all alive at the end: ${(bytes / count / 1024).toFixed(1)} KiB each, ` +
    `${mebibytes(bytes)} MiB in all (before them: ${mebibytes(before)} MiB)`);
  return { count, bytesEach: bytes / count, bytesBefore: before };
}
