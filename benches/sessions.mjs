// A million people with sessions: the rows are put into the store, then each asks once.

import { once } from 'node:events';
import { connect } from 'node:net';
import { run, stop } from '../tests/e2e/helpers.mjs';
import { mebibytes } from './figures.mjs';
import { configure, serve } from './guestpass.mjs';
import { memory } from './measure.mjs';
import { BODY, HOST, bench } from './stage.mjs';

const NAME = 'guestpass-sessions';
/** Assertions have a cache of their own, which is full by then: what grows after that is sessions. */
const FIRST = 150_000;
const CONNECTIONS = 32;

/** Bytes for each session that is in memory, of so many. */
export async function bytesPerSession(stage, port, count) {
  const apps = { app: { host: HOST }, other: { host: 'other.localhost' } };
  const config = configure(NAME, stage, { port, apps });
  // Makes the tables.
  await stop(await serve(NAME, config, port));
  const filled = await run('python3', [
    new URL('sessions.py', import.meta.url).pathname, `${bench}run/${NAME}/guestpass.db`, HOST, `${count}`,
  ]);
  if (filled.code !== 0) throw new Error(filled.stderr);
  const child = await serve(NAME, config, port);
  const first = Math.min(FIRST, count / 2);
  await askEach(port, 0, first);
  const before = memory(child.pid);
  await askEach(port, first, count);
  const after = memory(child.pid);
  const bytesEach = (after - before) / (count - first);
  await stop(child);
  console.log(`${count} cached sessions: ${bytesEach.toFixed(0)} bytes each, ${mebibytes(after)} MiB in all`);
  return { count, bytesEach, bytesInAll: after };
}

/** One request for each session from one number to another. */
async function askEach(port, from, to) {
  let next = from;
  const worker = async () => {
    const socket = connect(port, '127.0.0.1');
    while (next < to) {
      const number = next++;
      socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}:${port}\r\nCookie: guestpass=t${number}\r\n\r\n`);
      let answer = '';
      while (!answer.endsWith(BODY)) {
        answer += (await once(socket, 'data'))[0];
        if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`session ${number}: ${answer}`);
      }
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
