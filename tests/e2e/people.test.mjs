// Accounts in the page: made by an administrator, used by their owner, ended again; and the first one of all.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BareServer, PASSWORD, Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, screenshot, signIn } from './lib/browser.mjs';
import { totp } from './lib/totp.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FIRST = 'the first password of mira';
const SECOND = 'a password of her own choice';
let up, browser, admin, mira, secret, codes, key;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
  admin = await newPage(browser);
  mira = await newPage(browser);
});

after(async () => {
  await browser?.close();
  if (up) await up.stop();
});

async function serious(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter((violation) => ['serious', 'critical'].includes(violation.impact)).map((violation) => violation.id);
}

async function enter(page, username, password) {
  await page.goto(`${up.url}/login`);
  await page.getByTestId('login-username').fill(username);
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
}

/** What curl gets with the key: status and body. */
function curl(...args) {
  const text = execFileSync('curl', ['-s', '-w', '\n%{http_code}', '-H', `Authorization: Bearer ${key}`, ...args], { encoding: 'utf8' });
  const at = text.lastIndexOf('\n');
  return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
}

async function signOut(page) {
  await page.getByTestId('user-menu').click();
  await page.getByTestId('sign-out').click();
  await page.getByTestId('login-username').waitFor();
}

test('an administrator makes a group, a user in it, and a quota', async () => {
  await signIn(admin, up.url);
  await admin.goto(`${up.url}/admin/groups`);
  await admin.getByTestId('new-group').click();
  await admin.getByTestId('group-name').fill('Not A Name');
  await admin.getByTestId('group-create').click();
  await waitFor('the field says what is wrong', async () => (await admin.getByTestId('group-name').getAttribute('aria-invalid')) === 'true');
  await admin.getByTestId('group-name').fill('artists');
  await admin.getByTestId('group-display-name').fill('Artists');
  await admin.getByTestId('group-create').click();
  await admin.waitForURL(/open=artists/);

  await admin.goto(`${up.url}/admin/users`);
  await admin.getByTestId('new-user').click();
  await admin.getByTestId('user-username').fill('mira');
  await admin.getByTestId('user-fullname').fill('Mira Bellenbaum');
  await admin.getByTestId('user-email').fill('no address');
  await admin.getByTestId('user-password').fill(FIRST);
  await admin.getByTestId('user-groups').click();
  await admin.getByRole('option', { name: 'Artists' }).click();
  await admin.getByTestId('user-fullname').click();
  await admin.getByTestId('user-create').click();
  await waitFor('the email is refused beside its field', async () => (await admin.getByTestId('user-email').getAttribute('aria-invalid')) === 'true');
  await admin.getByTestId('user-email').fill('mira@example.org');
  await admin.getByTestId('user-create').click();
  assert.equal(await admin.getByTestId('made-password').textContent(), FIRST);
  await admin.getByTestId('made-done').click();

  await admin.getByTestId('tab-quota').click();
  await admin.getByTestId('quota-maxSessions').fill('1');
  await admin.getByTestId('quota-maxMemory').fill('2 elephants');
  await admin.getByTestId('quota-save').click();
  assert.equal(await admin.getByTestId('quota-maxMemory').getAttribute('aria-invalid'), 'true');
  await admin.getByTestId('quota-maxMemory').fill('2Gi');
  await admin.getByTestId('quota-save').click();
  await waitFor('the quota holds', async () => (await up.api('GET', '/users/mira/quota')).body.maxMemory === '2Gi');
  const user = (await up.api('GET', '/users/mira')).body;
  assert.deepEqual([user.fullName, user.email, user.role, user.groups], ['Mira Bellenbaum', 'mira@example.org', 'user', ['artists']]);
  assert.equal((await up.api('GET', '/users/mira/quota')).body.maxSessions, 1);
});

test('the user signs in and changes the password', async () => {
  await enter(mira, 'mira', FIRST);
  await mira.getByTestId('catalogue-search').waitFor();
  await mira.goto(`${up.url}/account`);
  await mira.getByTestId('password-current').fill('not this one');
  await mira.getByTestId('password-new').fill(SECOND);
  await mira.getByTestId('password-again').fill(SECOND);
  await mira.getByTestId('password-save').click();
  await waitFor('the present password is refused', async () => (await mira.getByTestId('password-current').getAttribute('aria-invalid')) === 'true');
  await mira.getByTestId('password-current').fill(FIRST);
  await mira.getByTestId('password-save').click();
  await waitFor('the form is empty again', async () => (await mira.getByTestId('password-new').inputValue()) === '');
  await signOut(mira);
  await enter(mira, 'mira', FIRST);
  await mira.getByTestId('login-error').waitFor();
  await enter(mira, 'mira', SECOND);
  await mira.getByTestId('catalogue-search').waitFor();
});

test('she turns on two-step sign-in', async () => {
  await mira.goto(`${up.url}/account`);
  await mira.getByTestId('mfa-start').click();
  await mira.getByTestId('mfa-password').fill('not this one');
  await mira.getByTestId('mfa-continue').click();
  await waitFor('the password is refused', async () => (await mira.getByTestId('mfa-password').getAttribute('aria-invalid')) === 'true');
  await mira.getByTestId('mfa-password').fill(SECOND);
  await mira.getByTestId('mfa-continue').click();
  secret = (await mira.getByTestId('mfa-secret').textContent()).replaceAll(' ', '');
  assert.match(secret, /^[A-Z2-7]{16,}$/);
  assert.equal(await mira.locator('svg[role="img"] path').count(), 2, 'a QR code is drawn');
  assert.deepEqual(await serious(mira), [], 'QR code');
  await screenshot(mira, 'totp');
  const wrong = totp(secret) === '000000' ? '111111' : '000000';
  await mira.getByTestId('mfa-code').fill(wrong);
  await mira.getByTestId('mfa-verify').click();
  await waitFor('the code is refused', async () => (await mira.getByTestId('mfa-code').getAttribute('aria-invalid')) === 'true');
  // The step before: every code serves once, and the next sign-in needs the present one. Not at the very end of a
  // step, or it would be the step before that when it arrives.
  await waitFor('a step with some time left', () => Date.now() % 30000 < 20000, 15);
  await mira.getByTestId('mfa-code').fill(totp(secret, -1));
  await mira.getByTestId('mfa-verify').click();
  await mira.getByTestId('backup-codes').waitFor(); // reading all texts does not wait
  codes = await mira.getByTestId('backup-codes').locator('li').allTextContents();
  assert.equal(new Set(codes).size, 10);
  assert.deepEqual(await serious(mira), [], 'backup codes');
  const download = mira.waitForEvent('download');
  await mira.getByTestId('backup-download').click();
  const text = readFileSync(await (await download).path(), 'utf8');
  for (const code of codes) assert.ok(text.includes(code));
  await mira.getByTestId('backup-done').click();
  await mira.getByTestId('mfa-end').waitFor();
});

test('she signs in with the code, and once with a backup code', async () => {
  await signOut(mira);
  await enter(mira, 'mira', SECOND);
  await mira.getByTestId('login-otp').waitFor();
  assert.deepEqual(await serious(mira), [], 'second step');
  await screenshot(mira, 'second-step');
  await mira.getByTestId('login-otp').fill(totp(secret));
  await mira.getByTestId('catalogue-search').waitFor();

  await signOut(mira);
  await enter(mira, 'mira', SECOND);
  await mira.getByTestId('login-backup').click();
  await mira.getByTestId('login-otp').fill(codes[0]);
  await mira.getByTestId('login-otp-submit').click();
  await mira.getByTestId('catalogue-search').waitFor();
});

test('she ends the login of another browser', async () => {
  const other = await newPage(browser);
  await enter(other, 'mira', SECOND);
  await other.getByTestId('login-backup').click();
  await other.getByTestId('login-otp').fill(codes[1]);
  await other.getByTestId('login-otp-submit').click();
  await other.getByTestId('catalogue-search').waitFor();

  await mira.goto(`${up.url}/account`);
  const panel = mira.getByTestId('browsers-panel');
  await panel.getByTestId('end-login').first().waitFor();
  assert.equal(await panel.locator('[data-current]').count(), 1);
  while ((await panel.getByTestId('end-login').count()) > 0) {
    const left = await panel.getByTestId('end-login').count();
    await panel.getByTestId('end-login').first().click();
    await waitFor('it is gone from the list', async () => (await panel.getByTestId('end-login').count()) < left);
  }
  await other.reload();
  await other.getByTestId('login-username').waitFor();
  assert.deepEqual(other.errors, []);
  await other.context().close();
});

test('a key from the page works with curl, within its scopes and the quota', async () => {
  await mira.goto(`${up.url}/account/api-keys`);
  await mira.getByTestId('new-key').click();
  await mira.getByTestId('key-name').fill('curl');
  await mira.getByText('Only some things').click();
  await mira.getByTestId('key-create').click(); // nothing chosen: refused here
  await mira.getByTestId('scope-sessions:write').check();
  await mira.getByTestId('key-create').click();
  key = await mira.getByTestId('key-secret').textContent();
  assert.match(key, /^ss_/);
  await mira.getByTestId('key-done').click();
  await mira.getByTestId('key-curl').waitFor();
  await mira.getByTestId('key-secret').waitFor({ state: 'detached' });
  assert.ok(!(await mira.content()).includes(key), 'it is not shown again');

  const json = ['-H', 'Content-Type: application/json'];
  assert.equal(curl(`${up.url}/api/v1/sessions`).status, 200);
  assert.equal(curl(`${up.url}/api/v1/templates`).status, 403, 'beyond its scopes');
  const made = curl('-X', 'POST', ...json, '-d', '{"template":"terminal"}', `${up.url}/api/v1/sessions`);
  assert.equal(made.status, 200, made.body);
  const refused = curl('-X', 'POST', ...json, '-d', '{"template":"terminal"}', `${up.url}/api/v1/sessions`);
  assert.deepEqual([refused.status, JSON.parse(refused.body).code], [403, 'quota_exceeded']);

  await mira.goto(`${up.url}/account`);
  await mira.getByTestId('quota-usage').getByText('of 1', { exact: true }).waitFor();
  const { name } = JSON.parse(made.body);
  assert.equal(curl('-X', 'DELETE', `${up.url}/api/v1/sessions/${name}`).status, 202);
  await waitFor('it is over', async () => (await up.api('GET', `/sessions/${name}`)).body.state === 'terminated');

  await mira.goto(`${up.url}/account/api-keys`);
  await mira.getByTestId('delete-key-curl').click();
  await mira.getByTestId('confirm').click();
  await mira.getByTestId('key-curl').waitFor({ state: 'detached' });
  assert.equal(curl(`${up.url}/api/v1/sessions`).status, 401);
});

test('the audit log has it all, filters it, and gives it away as CSV', async () => {
  await admin.goto(`${up.url}/admin/audit?user=mira`);
  await admin.locator('[data-testid="audit-entry"][data-action="api_key.create"]').click();
  await admin.getByTestId('audit-detail').getByText('api_key.create').waitFor();
  await admin.getByRole('button', { name: 'Close' }).click();
  await admin.getByTestId('audit-export').click();
  const download = admin.waitForEvent('download');
  await admin.getByTestId('audit-csv').click();
  const csv = readFileSync(await (await download).path(), 'utf8');
  assert.match(csv, /,mira,api_key\.create,/);
  assert.doesNotMatch(csv, /,admin,/);
  for (const hidden of [key, secret, SECOND, ...codes]) assert.ok(!csv.includes(hidden));
});

test('a setting is refused, changed, and taken back', async () => {
  await admin.goto(`${up.url}/admin/settings`);
  const value = admin.getByTestId('value-history-days');
  await value.fill('0');
  await waitFor('it is too small', async () => (await value.getAttribute('aria-invalid')) === 'true');
  assert.equal(await admin.getByTestId('settings-save').isEnabled(), false);
  await value.fill('12');
  await admin.getByTestId('settings-save').click();
  const read = async () => (await up.api('GET', '/settings')).body.settings.find((setting) => setting.name === 'history-days');
  await waitFor('it is stored', async () => (await read()).value === 12);
  await admin.getByTestId('reset-history-days').click();
  await admin.getByTestId('settings-save').click();
  await waitFor('it is as before', async () => (await read()).source === 'default');
});

test('an administrator ends all logins of a user', async () => {
  await mira.goto(`${up.url}/`);
  await mira.getByTestId('catalogue-search').waitFor();
  await admin.goto(`${up.url}/admin/users?open=mira`);
  await admin.getByRole('tab', { name: 'Access' }).click();
  await admin.getByTestId('end-logins').click();
  await admin.getByTestId('confirm').click();
  await mira.getByTestId('login-username').waitFor();
  await admin.getByTestId('reset-mfa').click();
  await admin.getByTestId('confirm').click();
  await waitFor('the second step is gone', async () => (await up.api('GET', '/users/mira')).body.mfaEnabled === false);
  await enter(mira, 'mira', SECOND);
  await mira.getByTestId('catalogue-search').waitFor();
});

test('a deactivated user is out within moments', async () => {
  await mira.goto(`${up.url}/`);
  await mira.getByTestId('catalogue-search').waitFor();
  await admin.goto(`${up.url}/admin/users?open=mira`);
  await admin.getByTestId('user-deactivate').click();
  await admin.getByTestId('confirm').click();
  await admin.getByTestId('user-activate').waitFor();
  await mira.getByTestId('login-username').waitFor();
  await enter(mira, 'mira', SECOND);
  await mira.getByTestId('login-error').waitFor();
});

test('no script failed and nothing broke the content security policy', () => {
  assert.deepEqual([admin.errors, mira.errors], [[], []]);
});

test('the first administrator of a new server', async () => {
  const server = await BareServer.start();
  try {
    const page = await newPage(browser);
    await page.goto(server.url);
    await page.waitForURL(/\/setup$/);
    await page.goto(server.setupUrl);
    await page.waitForURL(/\/setup$/);
    assert.deepEqual(await serious(page), [], 'set-up');
    await screenshot(page, 'setup');
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0);
    await screenshot(page, 'phone-setup');
    await page.setViewportSize({ width: 1280, height: 800 });
    const token = await page.getByTestId('setup-token').inputValue();
    await page.getByTestId('setup-token').fill('0'.repeat(64));
    await page.getByTestId('setup-password').fill(PASSWORD);
    await page.getByTestId('setup-again').fill(PASSWORD);
    await page.getByTestId('setup-submit').click();
    await waitFor('the token is refused', async () => (await page.getByTestId('setup-token').getAttribute('aria-invalid')) === 'true');
    await page.getByTestId('setup-token').fill(token);
    await page.getByTestId('setup-submit').click();
    await page.getByTestId('catalogue-search').waitFor();
    await page.goto(`${server.url}/admin/users`);
    await page.getByTestId('user-admin').waitFor();
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    await server.stop();
  }
});
