// The demo plays its own story; every step has to hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binary, jsonLines, run } from './helpers.mjs';

test('guestpass demo --walk holds at every step', async () => {
  const { code, stdout, stderr } = await run(binary, ['demo', '--walk', '--json']);
  const steps = jsonLines(stdout);
  for (const { step, name, took_ms: took } of steps) console.log(`${step}. ${name} (${took} ms)`);
  assert.deepEqual(steps.filter(({ held }) => !held), []);
  assert.ok(steps.length >= 10, `${steps.length} steps`);
  assert.equal(code, 0, stderr);
});
