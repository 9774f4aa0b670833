// A SCIM server that is as fast as one can be in memory: target.mjs PORT [--latency MS] [--limit COUNT --window MS]
// [--members COUNT]. A fake for measuring alone: it knows users, and one group, which so many others are in. GET /told says
// what it was asked; POST /forget begins anew.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(['latency', 'limit', 'window', 'members'].map((name) => [name, { type: 'string' }])),
});
const [port] = positionals;
const [latency, limit, span] = [Number(values.latency ?? 0), Number(values.limit ?? 0), Number(values.window ?? 10_000)];

let users, byExternalId, members, told;
const forget = () => {
  [users, byExternalId] = [new Map(), new Map()];
  members = new Set(Array.from({ length: Number(values.members ?? 0) }, (_, number) => `before-${number}`));
  told = { requests: 0, refused: 0, created: 0, joined: 0, disabled: 0, twice: 0, lastDisable: 0, windows: {} };
};
forget();

/** A user that was there before. */
const known = (id) => {
  const number = id.slice(id.indexOf('-') + 1);
  const email = `erika.mustermann.${number}@example.com`;
  return add({
    id, externalId: `external-${number}`, userName: email, displayName: `Erika Mustermann ${number}`, active: true,
    emails: [{ value: email, primary: true }],
  });
};

function add(user) {
  users.set(user.id, user);
  byExternalId.set(user.externalId, user);
  return user;
}

const list = (found) => [200, { totalResults: found.length, Resources: found }];

/** The group as it is asked for (RFC 7644, section 3.9). */
const group = ({ searchParams }) => ({
  id: 'group-1', displayName: 'readers',
  ...(searchParams.get('excludedAttributes') !== 'members' && { members: [...members].map((value) => ({ value, type: 'User' })) }),
});

const shown = (user) => ({ ...user, groups: members.has(user.id) ? [{ value: 'group-1', display: 'readers' }] : [] });

function change(url, { Operations }) {
  for (const { value } of Operations) for (const one of value) members.add(one.value);
  told.joined += 1;
  return [200, group(url)];
}

function serve(method, url, body) {
  const [, kind, id] = url.pathname.match(/^\/scim\/v2\/(\w+)(?:\/(.+))?$/) ?? [];
  if (kind === 'Groups') return method === 'PATCH' ? change(url, body) : id ? [200, group(url)] : list([group(url)]);
  if (kind !== 'Users') return [404, { status: '404' }];
  if (method === 'GET' && !id) {
    const [, attribute, value] = url.searchParams.get('filter').match(/^(\w+) eq (.*)$/);
    const same = (user) => user[attribute] === JSON.parse(value);
    if (attribute === 'externalId') return list([byExternalId.get(JSON.parse(value))].filter(Boolean).map(shown));
    return list([...users.values()].filter(same).map(shown));
  }
  if (method === 'POST') {
    if (byExternalId.has(body.externalId)) told.twice += 1;
    told.created += 1;
    return [201, add({ ...body, id: `user-${told.created}` })];
  }
  const user = users.get(id) ?? (/^app-\d+$/.test(id) && known(id));
  if (!user) return [404, { status: '404' }];
  if (method === 'PATCH') {
    for (const { path, value } of body.Operations) user[path] = value;
    if (body.Operations.some(({ path, value }) => path === 'active' && value === false)) {
      told.disabled += 1;
      told.lastDisable = Date.now();
    }
  }
  return [200, shown(user)];
}

/** What is left of the window, once this request is counted. */
function allowance(now) {
  const window = Math.floor(now / span);
  const used = (told.windows[window] = (told.windows[window] ?? 0) + 1);
  const reset = Math.ceil(((window + 1) * span - now) / 1000);
  return { within: used <= limit, headers: { 'ratelimit-remaining': Math.max(0, limit - used), 'ratelimit-reset': reset } };
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://target');
  const answer = (status, body, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/scim+json', ...headers });
    response.end(JSON.stringify(body));
  };
  if (url.pathname === '/told') return answer(200, { ...told, users: users.size });
  if (url.pathname === '/forget') return answer(200, forget() ?? {});
  let text = '';
  for await (const chunk of request) text += chunk;
  told.requests += 1;
  const { within, headers } = limit ? allowance(Date.now()) : { within: true };
  if (!within) {
    told.refused += 1;
    return answer(429, { status: '429' }, { ...headers, 'retry-after': headers['ratelimit-reset'] });
  }
  const [status, body] = serve(request.method, url, text && JSON.parse(text));
  if (latency) setTimeout(answer, latency, status, body, headers);
  else answer(status, body, headers);
}).listen(port, '127.0.0.1');
