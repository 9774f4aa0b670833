// A SCIM server of scimmy and its routers (npm): what it knows of SCIM is theirs, ours is where resources are kept.
//   node scimmy.mjs PORT TOKEN
import { randomUUID } from 'node:crypto';
import express from 'express';
import SCIMMY from 'scimmy';
import SCIMMYRouters from 'scimmy-routers';

const [port, token] = process.argv.slice(2);

// Resources of one kind by id; two of one name are refused (RFC 7644, section 3.3).
function kept(kind, name) {
  const all = new Map();
  const twin = (data) => {
    const isTwin = (one) => one.id !== data.id && one[name].toLowerCase() === data[name].toLowerCase();
    return [...all.values()].find(isTwin);
  };
  SCIMMY.Resources.declare(kind)
    .ingress(({ id }, data) => {
      if (id && !all.has(id)) throw new SCIMMY.Types.Error(404, null, `there is no ${id}`);
      const now = new Date().toISOString();
      const one = { ...JSON.parse(JSON.stringify(data)), id: id ?? randomUUID() };
      if (twin(one)) throw new SCIMMY.Types.Error(409, 'uniqueness', `${one[name]} is taken`);
      one.meta = { created: all.get(one.id)?.meta.created ?? now, lastModified: now };
      all.set(one.id, one);
      return one;
    })
    .egress(({ id, filter }) => {
      if (id) {
        if (!all.has(id)) throw new SCIMMY.Types.Error(404, null, `there is no ${id}`);
        return all.get(id);
      }
      return filter ? filter.match([...all.values()]) : [...all.values()];
    })
    .degress(({ id }) => {
      if (!all.delete(id)) throw new SCIMMY.Types.Error(404, null, `there is no ${id}`);
    });
}

kept(SCIMMY.Resources.User, 'userName');
kept(SCIMMY.Resources.Group, 'displayName');

const app = express();
app.use(
  '/v2',
  new SCIMMYRouters({
    type: 'bearer',
    handler: (request) => {
      if (request.header('authorization') !== `Bearer ${token}`) throw new Error('no, or another token');
      return 'guestpass';
    },
  }),
);
app.listen(Number(port), '127.0.0.1');
