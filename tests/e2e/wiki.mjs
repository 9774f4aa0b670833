// The app behind the gateway. It believes nothing but the signed assertion, and shows what it was told.

import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { ask } from './helpers.mjs';

/** Starts it on `port`; `gateway` is where the keys are. `seen(path)` are the headers of each request that reached it. */
export async function startWiki({ port, gateway }) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', gateway), {
    [customFetch]: async (url) => {
      const { status, headers, text } = await ask(url);
      return new Response(text, { status, headers });
    },
  });
  const requests = [];
  const server = createServer(async (request, response) => {
    requests.push(request);
    try {
      const rules = { audience: 'wiki', issuer: gateway, typ: 'guestpass+jwt', algorithms: ['ES256'] };
      const { payload } = await jwtVerify(request.headers['guestpass-assertion'] ?? '', keys, rules);
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(`<title>Wiki</title><h1>Hello ${payload.name}</h1><pre>${JSON.stringify(payload)}</pre>`);
    } catch (error) {
      response.writeHead(401).end(`not believed: ${error.message}`);
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const seen = (path) => requests.filter(({ url }) => url === path).map(({ headers }) => headers);
  return { seen, stop: () => (server.close(), server.closeAllConnections()) };
}
