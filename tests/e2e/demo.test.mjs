// The demo, walked by a person: a window on the stage, a window for Carla, one for Otto. Each case goes on where the
// one before ended. Pictures go to target/e2e; those of the documentation are renewed with UPDATE_IMAGES=1.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, browser, eventually, heading, log, output, start, stop, temporaryFolder } from './helpers.mjs';

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
let demo, chromium, stage, carla, notes, access;

before(async () => {
  demo = await start('demo', binary, ['demo', '--ttl', '20s', '--folder', temporaryFolder()]);
  const url = (name) => log('demo').match(new RegExp(`http://${name}\\.localhost:\\d+`))?.[0];
  await eventually('the demo says where to click', () => url('stage'));
  [notes, access] = [url('notes'), url('access')];
  chromium = await browser();
  [stage, carla] = [await newPage(), await newPage()];
  await stage.goto(url('stage'));
});

after(async () => {
  await chromium?.close();
  await stop(demo);
});

test('Carla is asked who she is', async () => {
  await carla.goto(notes);
  await carla.getByRole('button', { name: 'Sign in as Carla' }).waitFor();
  await picture(carla, 'sign-in');
});

test('she signs in, has an account at once, and writes a note', async () => {
  await carla.getByRole('button', { name: 'Sign in as Carla' }).click();
  await heading(carla, 'Your notes');
  await carla.getByRole('textbox').fill('Ask Ada about the second chapter.');
  await carla.getByRole('button', { name: 'Keep it' }).click();
  await carla.getByText('Ask Ada about').waitFor();
  await picture(carla, 'notes');
});

test('the stage shows the account, its time left and what happened', async () => {
  await stage.locator('#accounts .state.active').waitFor();
  await stage.getByText(/^\d:\d\d left$/).waitFor();
  await stage.locator('#events').getByText('signed in').waitFor();
  await picture(stage, 'stage');
  await beside('demo', 'notes', 'stage');
});

test('her own page says what she has, until when and why', async () => {
  await carla.goto(access);
  await heading(carla, 'Your access');
  await carla.getByText('As guest, until').waitFor();
  await picture(carla, 'portal');
});

test('an outsider is refused with a reason', async () => {
  const otto = await newPage();
  await otto.goto(notes);
  await otto.getByRole('button', { name: 'Sign in as Otto' }).click();
  await heading(otto, "You don't have access to Notes.");
  await otto.getByText('no_role').waitFor();
  await picture(otto, 'refused');
  await otto.context().close();
});

test('when her time is up she is told so, and the account is disabled', async () => {
  await eventually('she is refused', async () => (await carla.goto(notes)).status() === 403, 30);
  await heading(carla, /^Your access to Notes ended on /);
  await picture(carla, 'ended');
  await stage.locator('#accounts .state.disabled').waitFor();
  await stage.locator('#events').getByText('access ended').waitFor();
  await picture(stage, 'stage-after');
});

test('her own page says so, too, and signs her out, here and at the provider', async () => {
  await carla.goto(access);
  await carla.locator('.state.ended').waitFor();
  await picture(carla, 'portal-after');
  await carla.getByRole('button', { name: 'Sign out' }).click();
  await heading(carla, 'You are signed out.');
  await picture(carla, 'signed-out');
  await carla.goto(notes);
  await carla.getByRole('button', { name: 'Sign in as Carla' }).waitFor();
});

test('pages are dark where the system is, and fit a telephone', async () => {
  const page = await newPage({ colorScheme: 'dark', viewport: { width: 390, height: 720 } });
  await page.goto(notes);
  await page.getByRole('button', { name: 'Sign in as Ada' }).click();
  await heading(page, 'Your notes');
  await page.goto(access);
  await heading(page, 'Your access');
  await picture(page, 'dark');
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390);
  await page.context().close();
});

test('Ctrl-C ends everything cleanly', async () => {
  await stop(demo, 'SIGINT');
  assert.equal(demo.exitCode, 0);
  assert.doesNotMatch(log('demo'), /ERROR|panicked/);
});


/** A page of a browser that nobody has used before. */
async function newPage(options = {}) {
  const context = await chromium.newContext({ viewport: { width: 640, height: 720 }, deviceScaleFactor: 2, ...options });
  return context.newPage();
}

const documented = ['demo', 'ended', 'portal'];

/** A picture of what the page holds, without the empty rest of the window where it is for the documentation. */
async function picture(page, name) {
  const path = `${output}${name}.png`;
  if (!documented.includes(name)) return page.screenshot({ path });
  const height = Math.min(await page.evaluate('document.body.offsetHeight'), page.viewportSize().height);
  await page.screenshot({ path, clip: { x: 0, y: 0, width: page.viewportSize().width, height } });
  if (process.env.UPDATE_IMAGES) copyFileSync(path, `${images}${name}.png`);
}

/** One picture of two, side by side. */
async function beside(name, ...names) {
  const page = await newPage({ viewport: { width: 1240, height: 714 }, deviceScaleFactor: 1.5 });
  const source = (name) => `data:image/png;base64,${readFileSync(`${output}${name}.png`).toString('base64')}`;
  const frames = names.map((name) => `<img src="${source(name)}">`).join('');
  await page.setContent(`<style>
    body { margin: 0; padding: 16px; display: flex; gap: 16px; background: #d9dde3 }
    img { width: calc(50% - 8px); border-radius: 8px; box-shadow: 0 2px 8px #0003 }</style>${frames}`);
  await picture(page, name);
  await page.context().close();
}
