// A million people with sessions: the rows are put into the store, then each asks once, for a place that they may not
// see. So their session is read and kept, and no assertion is made, which would be kept as well.

import { once } from 'node:events';
import { connect } from 'node:net';
import { run, stop } from '../tests/e2e/helpers.mjs';
import { mebibytes } from './figures.mjs';
import { configure, serve } from './guestpass.mjs';
import { memory } from './measure.mjs';
import { HOST, bench } from './stage.mjs';

const NAME = 'guestpass-sessions';
const CONNECTIONS = 32;
/** Asked before the memory is looked at for the first time: by then all that is not sessions has grown up. */
const WARM = 20_000;

/** Bytes for each session that is in memory, of so many. */
export async function bytesPerSession(stage, port, count) {
  const apps = { app: { host: HOST, routes: { '/closed': { roles: ['nobody'] } } }, other: { host: 'other.localhost' } };
  const roles = { nobody: { who: { provider: 'bench', groups: { any: ['none'] } }, gets: { app: {} }, for: { ttl: '1d' } } };
  const config = configure(NAME, stage, { port, apps, roles });
  if (count <= WARM) throw new Error(`--sessions ${count}: the first ${WARM} warm up, so name more`);
  // Makes the tables.
  await stop(await serve(NAME, config, port));
  const filled = await run('python3', [
    new URL('people.py', import.meta.url).pathname, `${bench}run/${NAME}/guestpass.db`, `${count}`, '--host', HOST, '--apps', 'app,other',
  ]);
  if (filled.code !== 0) throw new Error(filled.stderr);
  const child = await serve(NAME, config, port);
  await askEach(port, 0, WARM);
  const before = memory(child.pid);
  await askEach(port, WARM, count);
  const after = memory(child.pid);
  const bytesEach = (after - before) / (count - WARM);
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
      socket.write(`GET /closed HTTP/1.1\r\nHost: ${HOST}:${port}\r\nCookie: guestpass=t${number}\r\n\r\n`);
      let answer = '';
      while (!answer.endsWith('}')) {
        answer += (await once(socket, 'data'))[0];
        if (!answer.startsWith('HTTP/1.1 403')) throw new Error(`session ${number}: ${answer}`);
      }
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
