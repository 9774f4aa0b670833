// Where the proxies are measured: a folder, a certificate, the app behind them and the provider beside them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, isUp, output, start } from '../tests/e2e/helpers.mjs';
import { Idp } from '../tests/e2e/provider.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where programs of our own and what was built are. */
export const bench = `${root}target/bench/`;

/** The host of the app that every proxy protects. */
export const HOST = 'app.localhost';

/** The person who signs in. */
export const SUB = 'ada';
const people = { [SUB]: { name: 'Ada Sommer', email: 'ada@example.com', email_verified: true, groups: ['staff'] } };

/** What the app answers: 128 bytes; at `/large`, 100 KB; at `/seen`, what it was sent. */
export const BODY = `${'0123456789abcdef'.repeat(8).slice(1)}\n`;
const LARGE = 100_000;

/** The headers that the app says it was sent. */
const shown = [
  'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id', 'guestpass-assertion', 'authorization',
  'oidc_id_token', 'cookie',
];

/** An empty folder below `target/bench/run`. */
export function folder(name) {
  const path = `${bench}run/${name}/`;
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** Starts a program in the foreground and waits until it listens on `port`. */
export async function listening(name, port, command, args) {
  const child = await start(name, command, args);
  let gone = false;
  child.on('exit', () => (gone = true));
  await eventually(`${name} listens`, () => gone || isUp(`http://127.0.0.1:${port}/`));
  if (gone) throw new Error(`it ended by itself; see ${output}${name}.log`);
  return child;
}

/** The files of nginx with `http` as its configuration, for `workers`. */
export function nginxFiles(name, workers, http) {
  const own = folder(name);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(`${own}nginx.conf`, `
daemon off;
user root;
pid nginx.pid;
error_log stderr warn;
worker_processes ${workers};
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  ${temporary.map((kind) => `${kind}_temp_path ${kind};`).join(' ')}
  ${http}
}`);
  return ['-p', own, '-e', 'stderr', '-c', 'nginx.conf'];
}

/** Everything around a proxy. `clients` says where people come back to after signing in. */
export class Stage {
  static async open({ redirects = [] } = {}) {
    const stage = new Stage();
    stage.certificate();
    stage.upstream = await freePort();
    stage.#app = await listening('app', stage.upstream, 'nginx', stage.#appFiles());
    stage.client = { client_id: 'bench', client_secret: 'a-secret-between-the-two', redirect_uris: redirects };
    stage.idp = new Idp({ port: await freePort(), client: stage.client, people });
    await stage.idp.start();
    return stage;
  }

  #app;

  /** A certificate for the app's host, its key, and both in one file as HAProxy wants it. */
  certificate() {
    const own = folder('certificate');
    this.tls = { certificate: `${own}tls.crt`, key: `${own}tls.key`, both: `${own}both.pem` };
    const names = ['app', 'access'].map((name) => `DNS:${name}.localhost`).join();
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${HOST}`,
      '-addext', `subjectAltName=${names}`, '-keyout', this.tls.key, '-out', this.tls.certificate,
    ], { stdio: 'ignore' });
    execFileSync('sh', ['-c', `cat '${this.tls.certificate}' '${this.tls.key}' > '${this.tls.both}'`]);
  }

  #appFiles() {
    const values = shown.map((name) => `${name}=$http_${name.replaceAll('-', '_')}`).join('\\n');
    const files = nginxFiles('app', 1, `
  underscores_in_headers on;
  large_client_header_buffers 8 16k;
  open_file_cache max=8;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:${this.upstream};
    location / { default_type text/plain; return 200 "${BODY.replace('\n', '\\n')}"; }
    location = /seen { default_type text/plain; return 200 "length=$request_length\\n${values}\\n"; }
    location = /large { root ${bench}run/app; }
  }`);
    writeFileSync(`${bench}run/app/large`, 'x'.repeat(LARGE));
    return files;
  }

  close() {
    this.idp.stop();
    this.#app.kill();
  }
}
