// Many WebSocket clients (RFC 6455) that are mostly idle.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

/** How many are being opened at one time. */
const AT_ONCE = 64;
const MESSAGE = 'alive';

/** Opens `count` of them. `sendToAll` says something on each; `answered` is how many heard it back. */
export async function openMany(count, { port, headers }) {
  const sockets = [];
  let answered = 0;
  const one = async () => {
    while (sockets.length < count) {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      await open(socket, headers);
      socket.on('data', (frame) => {
        if (frame.subarray(2).toString() === MESSAGE) answered += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return { sendToAll: () => sockets.forEach((socket) => socket.write(frame(MESSAGE))), answered: () => answered };
}

/** Makes a WebSocket of a connection. */
export async function open(socket, headers) {
  const lines = Object.entries({
    ...headers, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  });
  socket.write(`GET /socket HTTP/1.1\r\n${lines.map((line) => line.join(': ')).join('\r\n')}\r\n\r\n`);
  const closed = once(socket, 'close').then(() => ['(it was closed)']);
  const [answer] = await Promise.race([once(socket, 'data'), closed]);
  if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(`no WebSocket: ${answer}`);
}

/** A final text frame, masked as a client has to. */
function frame(text) {
  const [mask, bytes] = [randomBytes(4), Buffer.from(text)];
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length]), mask, bytes.map((byte, place) => byte ^ mask[place % 4])]);
}
