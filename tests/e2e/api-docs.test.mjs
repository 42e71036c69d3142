// The page that explains the API: painted under our policy, searchable, accessible.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Up } from './lib/streamspace.mjs';
import { launchBrowser, newPage, screenshot } from './lib/browser.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let up, browser;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  if (up) await up.stop();
});

async function violations(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

/** A page that notes every answer that is no success and every request that leaves for another server. */
async function watched(options) {
  const page = await newPage(browser, options);
  page.wrong = [];
  page.on('response', (response) => response.status() >= 400 && page.wrong.push(`${response.status()} ${response.url()}`));
  page.on('request', (request) => request.url().startsWith(up.url) || page.wrong.push(request.url()));
  return page;
}

for (const colorScheme of ['light', 'dark']) {
  test(`it paints, and axe finds nothing (${colorScheme})`, async () => {
    const page = await watched({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(`${up.url}/api/docs`);
    await page.getByRole('heading', { name: 'StreamSpace API' }).waitFor();
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(background, colorScheme === 'dark' ? 'rgb(11, 16, 22)' : 'rgb(245, 247, 249)', 'the styles are in force');
    assert.deepEqual(await violations(page), []);
    await screenshot(page, `api-docs-${colorScheme}`);
    await page.goto(`${up.url}/api/docs#createSession`);
    await page.locator('#createSession[open]').waitFor();
    for (const operation of ['createTemplate', 'beginOidc', 'schema-Session']) await page.evaluate((id) => (document.getElementById(id).open = true), operation);
    assert.deepEqual(await violations(page), []);
    await screenshot(page, `api-docs-operation-${colorScheme}`);
    assert.deepEqual([...page.errors, ...page.wrong], []);
    await page.context().close();
  });
}

test('it is searched, and linked into', async () => {
  const page = await watched();
  await page.goto(`${up.url}/api/docs`);
  const shown = () => page.locator('main details:visible').count();
  const all = await shown();
  await page.keyboard.press('/');
  await page.keyboard.type('tickets sessions');
  await page.locator('#createTicket').waitFor();
  assert.ok((await shown()) > 0 && (await shown()) < all / 4, `${await shown()} of ${all} are left`);
  assert.match(await page.locator('#found').textContent(), /^\d+ entr(y|ies)$/);
  await page.locator('#search').fill('no-such-word-anywhere');
  assert.equal(await shown(), 0);
  assert.equal(await page.locator('#found').textContent(), 'Nothing of that name');
  await page.keyboard.press('Escape');
  assert.equal(await shown(), all);
  await page.locator('nav').getByRole('link', { name: 'Start an application' }).click();
  await page.locator('#createSession[open]').waitFor();
  await page.getByRole('button', { name: 'Dark' }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.scheme), 'dark');
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.scheme), 'dark', 'the choice is kept');
  assert.deepEqual([...page.errors, ...page.wrong], []);
  await page.context().close();
});

test('a phone shows it without sideways scrolling', async () => {
  const page = await watched({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await page.goto(`${up.url}/api/docs#createSession`);
  await page.locator('#createSession[open]').waitFor();
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `it is ${overflow}px too wide`);
  assert.deepEqual(await violations(page), []);
  await screenshot(page, 'api-docs-phone');
  assert.deepEqual([...page.errors, ...page.wrong], []);
  await page.context().close();
});
