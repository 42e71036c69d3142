// From the sign-in page to the identity provider and back, in a browser.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT, Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, screenshot } from './lib/browser.mjs';

const SECRET = 'a secret with spaces & signs: %';
let up, browser, provider, issuer;

before(async () => {
  up = await Up.start([], { STREAMSPACE_OIDC_CLIENT_SECRET: SECRET });
  provider = spawn('node', ['provider.mjs', 'ES256', `${up.url}/api/v1/auth/oidc/callback`], {
    cwd: path.join(ROOT, 'tests/oidc'), stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  provider.stdout.on('data', (data) => (said += data));
  issuer = await waitFor('the provider says its address', () => /^http:\S+/m.exec(said)?.[0]);
  assert.equal((await up.api('PATCH', '/settings', { 'oidc-issuer': issuer, 'oidc-name': 'Campus' })).status, 200);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  provider?.stdin.end();
  if (up && up.process.exitCode === null) await up.stop();
});

test('a person of the provider signs in, lands where he wanted to, and signs out', async () => {
  const page = await newPage(browser);
  await page.goto(`${up.url}/sessions`);
  const button = page.getByTestId('login-oidc');
  await button.waitFor();
  assert.equal((await button.textContent()).trim(), 'Sign in with Campus');
  await screenshot(page, 'oidc-login');
  await button.click();
  await page.waitForURL(`${issuer}/**`);
  await page.fill('input[name=login]', 'erika');
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]'); // consent
  await page.waitForURL(`${up.url}/sessions`);
  await page.getByTestId('account-menu').or(page.getByText('erika').first()).first().waitFor();
  assert.equal((await up.api('GET', '/users/erika')).body.fullName, 'erika of the tests');
  await page.context().close();
});

test('who cancels there is told so here', async () => {
  const page = await newPage(browser);
  await page.goto(`${up.url}/login`);
  await page.getByTestId('login-oidc').click();
  await page.waitForURL(`${issuer}/**`);
  await page.click('a[href$="/abort"]');
  await page.waitForURL(/\/login\?error=oidc_denied/);
  await page.getByTestId('return-error').waitFor();
  assert.match(await page.getByTestId('return-error').textContent(), /cancelled/);
  await page.context().close();
});
