// Every page: accessible, usable on a phone and by keyboard, in light and dark.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, signIn, screenshot, waitConnected } from './lib/browser.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = ['/', '/sessions', '/admin/agents', '/admin/commands', '/no-such-page'];
let up, browser;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  if (up) await up.stop();
});

/** What axe finds of impact serious or critical. The policy of our page forbids inline scripts: evaluate goes around it. */
async function serious(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations
    .filter((violation) => ['serious', 'critical'].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing serious (${colorScheme})`, async () => {
    const page = await newPage(browser, { colorScheme, reducedMotion: 'reduce' });
    await page.goto(up.url);
    await page.getByTestId('login-username').waitFor();
    assert.deepEqual(await serious(page), [], 'sign-in');
    await screenshot(page, `signin-${colorScheme}`);
    await signIn(page, up.url);
    const { body } = await up.api('POST', '/sessions', { template: 'terminal' });
    for (const target of PAGES) {
      await page.goto(up.url + target);
      await page.locator('main').first().waitFor();
      await waitFor('nothing is loading', async () => (await page.locator('.mantine-Skeleton-root').count()) === 0);
      assert.deepEqual(await serious(page), [], target);
      await screenshot(page, `page${target.replaceAll('/', '-')}-${colorScheme}`);
    }
    await page.goto(`${up.url}/sessions/${body.name}`);
    await waitConnected(page);
    assert.deepEqual(await serious(page), [], 'viewer');
    await up.api('DELETE', `/sessions/${body.name}`);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test('a phone shows every page without sideways scrolling', async () => {
  const page = await newPage(browser, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await signIn(page, up.url);
  for (const target of PAGES) {
    await page.goto(up.url + target);
    await page.locator('main').first().waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${target} is ${overflow}px too wide`);
    await screenshot(page, `phone${target.replaceAll('/', '-')}`);
  }
  await page.context().close();
});

test('an application can be found and launched with the keyboard alone', async () => {
  const page = await newPage(browser);
  await page.goto(up.url);
  await page.getByTestId('login-username').waitFor();
  await page.getByTestId('login-username').focus();
  await page.keyboard.type('admin');
  await page.keyboard.press('Tab');
  await page.keyboard.type('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByTestId('catalogue-search').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('terminal');
  await waitFor('Tab reaches the launch button', async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(() => document.activeElement?.getAttribute('data-testid') === 'launch-terminal');
  });
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/sessions\//);
  await waitConnected(page);
  const name = new URL(page.url()).pathname.split('/').pop();
  await up.api('DELETE', `/sessions/${name}`);
  await page.context().close();
});
