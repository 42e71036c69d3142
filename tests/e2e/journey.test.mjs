// From signing in to an application that paints and obeys, and nothing left afterwards.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Up, Island, waitFor, readInSession, leftovers, sessionProcesses } from './lib/streamspace.mjs';
import { launchBrowser, newPage, signIn, launch, canvasFigures, screenshot, waitConnected } from './lib/browser.mjs';

const GREEN = [12, 200, 90];
let up, browser, page, island;

before(async () => {
  up = await Up.start();
  island = Island.start(
    `<!doctype html><title>isle</title><body style="margin:0;height:100vh;background:rgb(${GREEN})"></body>`);
  browser = await launchBrowser();
  page = await newPage(browser);
});

after(async () => {
  await browser?.close();
  island?.stop();
  if (up && up.process.exitCode === null) await up.stop();
});

/** Ends a session over the API (other tests use the page's button) and waits until nothing of it is left. */
async function endSession(name) {
  assert.equal((await up.api('DELETE', `/sessions/${name}`)).status, 202);
  await waitFor('terminated', async () => (await up.api('GET', `/sessions/${name}`)).body.state === 'terminated');
  await waitFor(`nothing is left of ${name}`, () => leftovers(name).length === 0, 10);
}

test('a wrong password is refused with a clear message', async () => {
  await page.goto(up.url);
  await page.getByTestId('login-username').fill('admin');
  await page.getByTestId('login-password').fill('not the password');
  await page.getByTestId('login-submit').click();
  await page.getByTestId('login-error').waitFor();
});

test('a terminal: typing changes the picture and the session, and the button ends it', async () => {
  await signIn(page, up.url);
  const name = await launch(page, up.url, 'terminal');
  await waitFor('the terminal paints', async () => (await canvasFigures(page)).colours > 1);
  const before = await canvasFigures(page);
  await page.locator('[data-testid="viewer-screen"] canvas').click();
  await page.keyboard.type('echo hello-$((6*7)) | tee hello.txt\n');
  await waitFor('the command wrote its file', () => readInSession(name, '/home/user/hello.txt') === 'hello-42\n');
  await waitFor('the picture changed', async () => (await canvasFigures(page)).sum !== before.sum);
  await screenshot(page, 'terminal');
  const session = (await up.api('GET', `/sessions/${name}`)).body;
  assert.equal(session.state, 'running');
  assert.equal(session.viewers, 1);

  await page.getByTestId('viewer-handle').hover(); // shows the toolbar where it has hidden
  await page.getByTestId('viewer-end').click();
  await page.getByTestId('confirm-end').click();
  await page.getByTestId('viewer-ended').waitFor();
  await waitFor('nothing is left', () => leftovers(name).length === 0, 10);
  assert.equal((await up.api('GET', `/sessions/${name}`)).body.state, 'terminated');
});

test('the picture follows the size of the window', async () => {
  const name = await launch(page, up.url, 'terminal');
  await page.setViewportSize({ width: 1000, height: 600 });
  await waitFor('the display has the new size', async () => (await canvasFigures(page)).width <= 1000, 10);
  await page.setViewportSize({ width: 1280, height: 800 });
  await waitFor('and grows again', async () => (await canvasFigures(page)).width > 1000, 10);
  await endSession(name);
});

test('Firefox paints a page from another network', async () => {
  const name = await launch(page, up.url, 'firefox-browser');
  await waitFor('Firefox paints', async () => (await canvasFigures(page)).colours > 8, 60);
  const canvas = page.locator('[data-testid="viewer-screen"] canvas');
  let tried = 0;
  await waitFor('the page was asked for', async () => {
    if (island.requests.includes('/')) return true;
    if (tried++ % 40 === 0) { // Firefox may still be starting: type again every second
      await canvas.click({ position: { x: 640, y: 400 } });
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+l');
      await page.keyboard.type(island.url);
      await page.keyboard.press('Enter');
    }
    return false;
  }, 60);
  await waitFor('the page is painted', async () => (await canvasFigures(page, GREEN)).share > 0.5, 30);
  await screenshot(page, 'firefox');
  await endSession(name);
});

test('the viewer comes back by itself when the server is restarted', async () => {
  const name = await launch(page, up.url, 'terminal');
  const server = sessionServerPid(up);
  process.kill(server, 'SIGKILL');
  await waitConnected(page, false);
  await waitConnected(page, true);
  assert.equal((await up.api('GET', `/sessions/${name}`)).body.state, 'running');
  await endSession(name);
});

test('no script failed and nothing broke the content security policy', () => {
  assert.deepEqual(page.errors, []);
});

test('stopping everything leaves nothing', async () => {
  const name = await launch(page, up.url, 'terminal');
  assert.ok(sessionProcesses(name).length > 0);
  const { code, left } = await up.stop();
  assert.deepEqual(left, []);
  assert.equal(code, 0);
});

/** The server's pid: the child of `up` whose role is "server". */
function sessionServerPid(up) {
  const children = execChildren(up.process.pid);
  const server = children.find((child) => child.command.includes(' server '));
  assert.ok(server, JSON.stringify(children));
  return server.pid;
}

import { readFileSync, readdirSync } from 'node:fs';
function execChildren(parent) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue;
      found.push({ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') });
    } catch {
      /* ended meanwhile */
    }
  }
  return found;
}
