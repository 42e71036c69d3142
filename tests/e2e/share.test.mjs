// A link for looking only, in a browser that knows nothing else of the server: the picture is there, keys do nothing,
// and it is gone when the link is withdrawn.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Up, waitFor, readInSession } from './lib/streamspace.mjs';
import { launchBrowser, newPage, signIn, launch, canvasFigures, screenshot, waitConnected } from './lib/browser.mjs';

let up, browser, owner, guest, name, link;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
  owner = await newPage(browser);
  guest = await newPage(browser); // a context of its own: no cookie
});

after(async () => {
  await browser?.close();
  if (up && up.process.exitCode === null) await up.stop();
});

async function type(page, text) {
  await page.locator('[data-testid="viewer-screen"] canvas').click();
  await page.keyboard.type(text);
}

test('the owner makes a link for looking in the viewer', async () => {
  await signIn(owner, up.url);
  name = await launch(owner, up.url, 'terminal');
  await waitFor('the terminal paints', async () => (await canvasFigures(owner)).colours > 1);
  await type(owner, 'echo owner > owner.txt\n');
  await waitFor('the owner’s keys arrive', () => readInSession(name, '/home/user/owner.txt') === 'owner\n');
  await owner.getByTestId('viewer-handle').hover();
  await owner.getByTestId('viewer-share').click();
  await owner.getByText('A link', { exact: true }).click();
  await owner.getByTestId('share-create').click();
  link = (await owner.getByTestId('share-link').textContent()).trim();
  assert.match(link, /\/share\/[0-9a-f]{64}$/);
  await screenshot(owner, 'share-dialog');
  await owner.keyboard.press('Escape');
});

test('somebody without a sign-in sees the picture by it', async () => {
  await guest.goto(link);
  await waitConnected(guest);
  await waitFor('the picture is there', async () => (await canvasFigures(guest)).colours > 1);
  await guest.getByTestId('viewer-view-only').waitFor();
  assert.equal(await guest.getByTestId('viewer-end').count(), 0);
  assert.equal(await guest.getByTestId('viewer-share').count(), 0);
  await waitFor('two viewers', async () => (await up.api('GET', `/sessions/${name}`)).body.viewers === 2);
  await screenshot(guest, 'share-guest');
});

test('keys do nothing, in the page and past it', async () => {
  await type(guest, 'echo guest > guest.txt\n');
  // Past the page's own good manners: a client that sends keys whatever the ticket says.
  const token = link.split('/').pop();
  const ticket = await (await fetch(`${up.url}/api/v1/shares/${token}/tickets`, { method: 'POST' })).json();
  assert.equal(ticket.mode, 'view');
  await guest.evaluate(async ([path, text]) => {
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')), ['binary']);
    await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
    const bytes = [...new TextEncoder().encode('RFB 003.008\n'), 1, 1];
    for (const key of text) {
      const code = key === '\n' ? 0xff0d : key.charCodeAt(0);
      for (const down of [1, 0]) bytes.push(4, down, 0, 0, 0, 0, code >> 8, code & 255);
    }
    socket.send(new Uint8Array(bytes));
    window.forced = socket;
  }, [ticket.url, 'echo forced > forced.txt\n']);
  // Keys that came after those of the guests have arrived: theirs would have been there before.
  await waitFor('three viewers', async () => (await up.api('GET', `/sessions/${name}`)).body.viewers === 3);
  await type(owner, 'echo after > after.txt\n');
  await waitFor('the owner’s keys arrive', () => readInSession(name, '/home/user/after.txt') === 'after\n');
  assert.equal(readInSession(name, '/home/user/guest.txt'), null);
  assert.equal(readInSession(name, '/home/user/forced.txt'), null);
  assert.equal(await guest.evaluate(() => window.forced.readyState), 1);
});

test('what the owner does is seen by the guest', async () => {
  const before = (await canvasFigures(guest)).sum;
  await type(owner, 'seq 1 40\n');
  await waitFor('the guest’s picture changes', async () => (await canvasFigures(guest)).sum !== before);
});

test('a link that is withdrawn ends what is seen, at once', async () => {
  const shares = (await up.api('GET', `/sessions/${name}/shares`)).body.shares;
  assert.equal(shares.length, 1);
  assert.equal((await up.api('DELETE', `/sessions/${name}/shares/${shares[0].id}`)).status, 204);
  await guest.getByTestId('share-ended').waitFor({ timeout: 3000 });
  assert.equal(await guest.getByTestId('share-ended').getAttribute('data-kind'), 'revoked');
  await waitFor('the owner is alone', async () => (await up.api('GET', `/sessions/${name}`)).body.viewers === 1);
  await guest.goto(link);
  await guest.getByText('This link leads nowhere').waitFor();
});

test('no script failed and nothing broke the content security policy', () => {
  assert.deepEqual([...owner.errors, ...guest.errors], []);
});
