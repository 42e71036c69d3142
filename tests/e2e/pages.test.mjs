// Every page: accessible, usable on a phone and by keyboard, in light and dark.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, signIn, screenshot, waitConnected } from './lib/browser.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = ['/', '/sessions', '/account', '/account/api-keys', '/admin', '/admin/agents', '/admin/templates', '/admin/commands', '/admin/users', '/admin/groups',
  '/admin/audit', '/admin/settings', '/no-such-page'];
/** What opens on a page: its name, the page, how it opens, what is there then. */
const OPENED = [
  ['user', '/admin/users?open=carlos', async () => {}, 'edit-fullname'],
  ['user-access', '/admin/users?open=carlos', (page) => page.getByRole('tab', { name: 'Access' }).click(), 'reset-password'],
  ['user-quota', '/admin/users?open=carlos', (page) => page.getByTestId('tab-quota').click(), 'quota-save'],
  ['new-user', '/admin/users', (page) => page.getByTestId('new-user').click(), 'user-create'],
  ['group', '/admin/groups?open=research', async () => {}, 'member-carlos'],
  ['new-group', '/admin/groups', (page) => page.getByTestId('new-group').click(), 'group-create'],
  ['template', '/admin/templates?open=terminal', async () => {}, 'template-save'],
  ['template-yaml', '/admin/templates?open=terminal', (page) => page.getByTestId('tab-yaml').click(), 'yaml-editor'],
  ['template-state', '/admin/templates?open=terminal', (page) => page.getByTestId('tab-state').click(), 'tab-state'],
  ['new-template', '/admin/templates', (page) => page.getByTestId('new-template').click(), 'template-name'],
  ['import', '/admin/templates', (page) => page.getByTestId('import-templates').click(), 'yaml-editor'],
  ['audit-entry', '/admin/audit', (page) => page.getByTestId('audit-entry').first().getByRole('button').click(), 'audit-detail'],
  ['enrol', '/admin/agents', (page) => page.getByTestId('enrol-agent').click(), 'enrol-create'],
  ['new-key', '/account/api-keys', openNewKey, 'scope-sessions:read'],
];
let up, browser;

before(async () => {
  up = await Up.start();
  const password = 'a password for the tests';
  for (const [target, body] of [
    ['/users', { username: 'carlos', password, fullName: 'Carlos Núñez', email: 'carlos@example.org' }],
    ['/users', { username: 'brigitte', password, role: 'operator' }],
    ['/groups', { name: 'research', displayName: 'Research', description: 'People who write papers' }],
    ['/groups/research/members', { username: 'carlos', role: 'manager' }],
    ['/api-keys', { name: 'Nightly build', scopes: ['sessions:read'] }],
  ]) assert.equal((await up.api('POST', target, body)).status, 201, target);
  const quota = { maxSessions: 4, maxCpu: '4', maxMemory: '8Gi', maxStorage: null };
  assert.equal((await up.api('PUT', '/users/carlos/quota', quota)).status, 200);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  if (up) await up.stop();
});

async function openNewKey(page) {
  await page.getByTestId('new-key').click();
  await page.getByText('Only some things').click();
}

/** Shows a page, with everything loaded and every fade over. */
async function visit(page, target) {
  await page.goto(up.url + target);
  await page.locator('main').first().waitFor();
  await settled(page);
}

async function settled(page) {
  await waitFor('nothing is loading', async () => (await page.locator('.mantine-Skeleton-root').count()) === 0);
  await waitFor('nothing moves', () => page.evaluate(() => document.getAnimations().every((animation) => animation.playState !== 'running')));
}

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
      await visit(page, target);
      assert.deepEqual(await serious(page), [], target);
      await screenshot(page, `page${target.replaceAll('/', '-')}-${colorScheme}`);
    }
    for (const [name, target, open, there] of OPENED) {
      await visit(page, target);
      await open(page);
      await page.getByTestId(there).waitFor();
      await settled(page);
      assert.deepEqual(await serious(page), [], name);
      await screenshot(page, `open-${name}-${colorScheme}`);
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
  const fits = async (what) => {
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${what} is ${overflow}px too wide`);
    assert.deepEqual(await serious(page), [], what);
  };
  await signIn(page, up.url);
  for (const target of PAGES) {
    await visit(page, target);
    await fits(target);
    await screenshot(page, `phone${target.replaceAll('/', '-')}`);
  }
  for (const [name, target, open, there] of OPENED) {
    await visit(page, target);
    await open(page);
    await page.getByTestId(there).waitFor();
    await settled(page);
    await fits(name);
    await screenshot(page, `phone-open-${name}`);
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
