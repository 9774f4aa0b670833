// The proxies that guestpass is compared with. All have what guestpass has: two workers, kept connections on both
// sides, no access log, the headers of `words` set on every request, and no cookie sent on. Those that know nobody set
// fixed headers; those that do, sign the same person in at the same provider.

import { existsSync, writeFileSync } from 'node:fs';
import { WORKERS } from './guestpass.mjs';
import { login } from './login.mjs';
import { HOST, SUB, bench, folder, listening, nginxFiles } from './stage.mjs';

const modules = process.env.APACHE_MODULES ?? '/usr/lib/apache2/modules';

/** Where a peer that signs people in has them come back to. */
export const redirects = { apache: '/.apache/callback', oauth2Proxy: '/oauth2/callback' };

export async function nginx(stage, { port, tlsPort, words }) {
  const set = Object.entries(words).map(([name, value]) => `proxy_set_header ${name} "${value}";`).join('\n');
  const files = nginxFiles('nginx', WORKERS, `
  upstream app { server 127.0.0.1:${stage.upstream}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl http2;
    ssl_certificate ${stage.tls.certificate};
    ssl_certificate_key ${stage.tls.key};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";
      proxy_set_header Cookie "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      ${set}
    }
  }`);
  return plain('nginx', port, tlsPort, await listening('nginx', port, 'nginx', files));
}

export async function haproxy(stage, { port, tlsPort, words }) {
  const set = Object.entries(words).map(([name, value]) => `  http-request set-header ${name} "${value}"`).join('\n');
  writeFileSync(`${folder('haproxy')}haproxy.cfg`, `
global
  nbthread ${WORKERS}
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s
frontend in
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${tlsPort} ssl crt ${stage.tls.both} alpn h2,http/1.1
  http-request del-header cookie
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Proto http
${set}
  default_backend app
backend app
  http-reuse always
  server app 127.0.0.1:${stage.upstream}
`);
  const child = await listening('haproxy', port, 'haproxy', ['-db', '-f', `${bench}run/haproxy/haproxy.cfg`]);
  return plain('haproxy', port, tlsPort, child);
}

export async function caddy(stage, { port, tlsPort, words }) {
  const set = Object.entries(words).map(([name, value]) => `    header_up ${name} "${value}"`).join('\n');
  const own = folder('caddy');
  writeFileSync(`${own}Caddyfile`, `
{
  admin off
  auto_https off
  default_sni ${HOST}
  storage file_system ${own}
  log {
    level ERROR
  }
}
(app) {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${stage.upstream} {
    header_up -Cookie
${set}
    transport http {
      compression off
      keepalive_idle_conns_per_host 128
    }
  }
}
http://:${port} {
  import app
}
https://${HOST}:${tlsPort} {
  tls ${stage.tls.certificate} ${stage.tls.key}
  import app
}
`);
  // Go has as many threads for work as this says.
  const run = ['GOMAXPROCS=2', 'caddy', 'run', '--config', `${own}Caddyfile`, '--adapter', 'caddyfile'];
  return plain('caddy', port, tlsPort, await listening('caddy', port, 'env', run));
}

/** Apache with mod_auth_openidc, which keeps its session in shared memory or in the cookie. */
const apache = (name, session) => async (stage, { port, words }) => {
  const own = folder(name);
  // It sends the ID token in place of an assertion; a session in the cookie does not keep that.
  const fixed = Object.entries(words).filter(([header]) => header !== 'Guestpass-Assertion' || session === 'client-cookie');
  const set = fixed.map(([header, value]) => `  RequestHeader set ${header} "${value}"`).join('\n');
  const needed = [
    'mpm_event', 'authn_core', 'authz_core', 'authz_user', 'headers', 'proxy', 'proxy_http', 'auth_openidc',
  ];
  writeFileSync(`${own}apache.conf`, `
ServerRoot ${own}
ServerName ${HOST}
${needed.map((module) => `LoadModule ${module}_module ${modules}/mod_${module}.so`).join('\n')}
Listen 127.0.0.1:${port}
PidFile ${own}apache.pid
DefaultRuntimeDir ${own}
ErrorLog /dev/stderr
LogLevel error
KeepAlive On
KeepAliveTimeout 75
MaxKeepAliveRequests 0
StartServers ${WORKERS}
ServerLimit ${WORKERS}
ThreadsPerChild 64
MaxRequestWorkers ${WORKERS * 64}
MinSpareThreads 1
MaxSpareThreads ${WORKERS * 64}
OIDCProviderMetadataURL ${stage.idp.issuer}/.well-known/openid-configuration
OIDCClientID ${stage.client.client_id}
OIDCClientSecret ${stage.client.client_secret}
OIDCRedirectURI http://${HOST}:${port}${redirects.apache}
OIDCCryptoPassphrase a-passphrase-of-the-bench
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCCookieHTTPOnly On
OIDCSessionType ${session}
OIDCCacheType shm
OIDCSessionInactivityTimeout 3600
OIDCPassClaimsAs headers
OIDCPassIDTokenAs serialized
OIDCPassUserInfoAs jwt
ProxyPreserveHost On
<Location />
  AuthType openid-connect
  Require valid-user
  ProxyPass http://127.0.0.1:${stage.upstream}/ keepalive=On
  RequestHeader unset Cookie
  RequestHeader set X-Forwarded-Proto http
${set}
</Location>
`);
  const child = await listening(name, port, 'apache2', ['-DFOREGROUND', '-f', `${own}apache.conf`]);
  return signedIn(name, port, child);
};

export const apacheServer = apache('mod_auth_openidc_server', 'server-cache');
export const apacheCookie = apache('mod_auth_openidc_cookie', 'client-cookie');

/** Where `scripts/bench` builds it. */
const oauth2ProxyBinary = `${bench}bin/oauth2-proxy`;

export async function oauth2Proxy(stage, { port }) {
  if (!existsSync(oauth2ProxyBinary)) throw new Error(`${oauth2ProxyBinary} is not there`);
  const options = {
    'http-address': `127.0.0.1:${port}`,
    upstream: `http://127.0.0.1:${stage.upstream}/`,
    provider: 'oidc',
    'oidc-issuer-url': stage.idp.issuer,
    'client-id': stage.client.client_id,
    'client-secret': stage.client.client_secret,
    'redirect-url': `http://${HOST}:${port}${redirects.oauth2Proxy}`,
    scope: 'openid profile email',
    'code-challenge-method': 'S256',
    'cookie-secret': '0123456789abcdef0123456789abcdef',
    'cookie-secure': false,
    'email-domain': '*',
    'skip-provider-button': true,
    'standard-logging': false,
    'request-logging': false,
    'auth-logging': false,
    // It sends the ID token in place of an assertion, and its cookie, which it cannot be told to keep.
    'pass-authorization-header': true,
    'pass-user-headers': false,
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = await listening('oauth2_proxy', port, 'env', ['GOMAXPROCS=2', oauth2ProxyBinary, ...args]);
  return signedIn('oauth2_proxy', port, child);
}

/** One that lets everybody in. */
const plain = (name, port, tlsPort, child) => ({ name, port, tlsPort, child, pid: child.pid, open: true });

async function signedIn(name, port, child) {
  const cookie = await login(`http://${HOST}:${port}/`, SUB);
  return { name, port, child, pid: child.pid, headers: { Host: `${HOST}:${port}`, Cookie: cookie } };
}
