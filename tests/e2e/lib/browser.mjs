// Headless Chromium and what tests do with our page in it.
import { chromium } from 'playwright-core';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT, PASSWORD } from './streamspace.mjs';

export async function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/** A page that fails the test when a script fails; `errors` is checked by the caller. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy/.test(message.text())) page.errors.push(message.text());
  });
  page.setDefaultTimeout(20000);
  return page;
}

export async function signIn(page, url) {
  await page.goto(url);
  await page.getByTestId('login-username').fill('admin');
  await page.getByTestId('login-password').fill(PASSWORD);
  await page.getByTestId('login-submit').click();
  await page.getByTestId('catalogue-search').waitFor();
}

/** Clicks an application in the catalogue and waits until its picture is there. Returns the session's name. */
export async function launch(page, url, template) {
  await page.goto(`${url}/`);
  await page.getByTestId(`launch-${template}`).click();
  await page.waitForURL(/\/sessions\/[a-z0-9-]+$/);
  await waitConnected(page);
  return new URL(page.url()).pathname.split('/').pop();
}

export async function waitConnected(page, connected = true, timeout = 30000) {
  await page.locator(`[data-testid="viewer-screen"][data-connected="${connected}"]`).waitFor({ timeout, state: 'attached' });
}

/** Pixel figures of the session's canvas: a checksum, how many colours, the share of one colour [r,g,b]. */
export async function canvasFigures(page, colour = [0, 0, 0]) {
  return page.evaluate(([r, g, b]) => {
    const canvas = document.querySelector('[data-testid="viewer-screen"] canvas');
    if (!canvas || !canvas.width) return { sum: 0, colours: 0, share: 0, width: 0, height: 0 };
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0, hits = 0;
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
      sum = (sum * 31 + data[i] * 65536 + data[i + 1] * 256 + data[i + 2]) >>> 0;
      if (seen.size < 64) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      if (Math.abs(data[i] - r) < 14 && Math.abs(data[i + 1] - g) < 14 && Math.abs(data[i + 2] - b) < 14) hits++;
    }
    return { sum, colours: seen.size, share: hits / (data.length / 4), width: canvas.width, height: canvas.height };
  }, colour);
}

/** Screenshots go beside the test results, for people. */
export async function screenshot(page, name) {
  const directory = path.join(ROOT, 'tests/results');
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: path.join(directory, `${name}.png`) });
}
