// Signing in as a browser does it: redirects are followed, cookies are kept by host, one form is sent.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

const loopback = (_host, options, found) =>
  options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4);

/** One request; whoever answers on loopback is believed. `{ status, headers, text }`. */
export async function ask(url, { method = 'GET', headers = {}, body } = {}) {
  const { protocol, hostname } = new URL(url);
  const options = { method, headers, agent: false, rejectUnauthorized: false };
  // `localhost` itself may be ::1; every name below it is 127.0.0.1.
  if (hostname.endsWith('.localhost')) options.lookup = loopback;
  const asked = (protocol === 'https:' ? https : http).request(url, options);
  asked.end(body);
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

/** Signs `sub` in on the way to `url`, and returns the `Cookie` header that opens its host from then on. */
export async function login(url, sub) {
  const jar = new Map();
  let [at, form] = [url, undefined];
  for (let step = 0; step < 20; step += 1) {
    const { hostname } = new URL(at);
    const cookies = jar.get(hostname) ?? jar.set(hostname, new Map()).get(hostname);
    const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', cookie: line(cookies) };
    if (form) headers['content-type'] = 'application/x-www-form-urlencoded';
    const reply = await ask(at, { method: form ? 'POST' : 'GET', headers, body: form });
    (reply.headers['set-cookie'] ?? []).forEach((cookie) => keep(cookies, cookie));
    form = undefined;
    if (reply.headers.location) at = new URL(reply.headers.location, at).href;
    else if (reply.text.includes('Who are you?')) form = `sub=${sub}`;
    else if (reply.status === 200 && new URL(at).host === new URL(url).host) return line(cookies);
    else throw new Error(`signing in at ${url} ended at ${at}: ${reply.status}\n${reply.text}`);
  }
  throw new Error(`signing in at ${url} does not end: ${at}`);
}

const line = (cookies) => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

function keep(cookies, text) {
  const [, name, value] = text.match(/^([^=]+)=([^;]*)/);
  const gone = value === '' || /max-age=0|expires=[^;]*1970/i.test(text);
  if (gone) cookies.delete(name);
  else cookies.set(name, value);
}
