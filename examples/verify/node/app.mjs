// An app that believes guestpass's assertion and nothing else.

import { createServer } from 'node:http';

// --- what to copy ----------------------------------------------------------------------------------------------------

import { createRemoteJWKSet, jwtVerify } from 'jose';

const { GUESTPASS, APP } = process.env;

// Kept for five minutes; on an unknown `kid` read again, not more often than every ten seconds.
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', GUESTPASS), {
  cacheMaxAge: 300_000,
  cooldownDuration: 10_000,
});

/** The claims of a request's assertion. Rejects where it is not to be believed, or where the keys cannot be had. */
async function who(assertion = '') {
  const { payload } = await jwtVerify(assertion, keys, {
    typ: 'guestpass+jwt',
    algorithms: ['ES256'],
    issuer: GUESTPASS,
    audience: APP,
    requiredClaims: ['sub', 'iat', 'exp'],
    clockTolerance: 5,
  });
  return payload;
}

// ---------------------------------------------------------------------------------------------------------------------

createServer(async (request, response) => {
  try {
    const claims = await who(request.headers['guestpass-assertion']);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(claims));
  } catch (error) {
    response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error.message }));
  }
}).listen(process.env.PORT, '127.0.0.1');
