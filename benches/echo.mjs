// A WebSocket server that says back what it hears (RFC 6455), for short messages in one frame each. `/events` is a stream
// that says one thing and goes on without an end.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer((request, response) => {
  if (request.url !== '/events') return response.end('echo\n');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: begun\n\n');
});
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('error', () => {});
  socket.on('data', (frame) => {
    const length = frame[1] & 0x7f;
    const [mask, masked] = [frame.subarray(2, 6), frame.subarray(6, 6 + length)];
    socket.write(Buffer.from([frame[0], length, ...masked.map((byte, place) => byte ^ mask[place % 4])]));
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', 4096);
