// The app in front of Synapse: it signs people in by the assertion that the gateway sends along.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { ask } from '../helpers.mjs';

/** Starts it on `port`. `assertions` and `tokens` are those of everybody who came, in order. */
export async function startChat({ port, synapse }) {
  const [assertions, tokens] = [[], []];
  const login = (token) =>
    ask(`${synapse}/_matrix/client/v3/login`, {
      method: 'POST',
      body: JSON.stringify({ type: 'org.matrix.login.jwt', token }),
    });
  const server = createServer(async (request, response) => {
    if (request.url !== '/') return response.writeHead(404).end();
    assertions.push(request.headers['guestpass-assertion']);
    const { status, text } = await login(assertions.at(-1));
    const said = JSON.parse(text);
    tokens.push(said.access_token);
    response.writeHead(status, { 'content-type': 'text/html' });
    return response.end(`<title>Chat</title><h1>${status === 200 ? `Hello ${said.user_id}` : said.error}</h1>`);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { assertions, tokens, login, stop: () => (server.close(), server.closeAllConnections()) };
}
