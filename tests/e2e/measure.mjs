// Measures in Chromium what a user sees: launch to first frame, frames per second, key to pixel.
// usage: measure.mjs URL RUNS      prints one JSON object; the server's admin has the tests' password
import { launchBrowser, newPage, signIn, waitConnected } from './lib/browser.mjs';
import { waitFor } from './lib/streamspace.mjs';

const [url, runsText] = process.argv.slice(2);
const runs = Number(runsText);
const ANIMATION =
  // Bars of changing colour over the whole terminal, as fast as it takes them: one process, no pauses, so that the
  // display and what comes after it are what is measured.
  "awk 'BEGIN { for (;;) { printf \"\\033[H\"; for (r = 0; r < 30; r++) printf \"\\033[48;5;%dm%100s\\n\", (r * 7 + f) % 255, \"\"; f++ } }'\n";

/** In the page: waits until the canvas has more than one colour; resolves with performance.now(). */
async function firstFrame(page) {
  return page.evaluate(() => new Promise((resolve, reject) => {
    const limit = performance.now() + 30000;
    const look = () => {
      const canvas = document.querySelector('[data-testid="viewer-screen"] canvas');
      if (canvas?.width > 1) {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, Math.min(canvas.height, 64));
        const words = new Uint32Array(data.buffer);
        if (words.some((word) => word !== words[0])) return resolve(performance.timeOrigin + performance.now());
      }
      if (performance.now() > limit) return reject(new Error('no frame within 30 s'));
      requestAnimationFrame(look);
    };
    look();
  }));
}

/** Times from key press in the page to a changed pixel near the cursor, ms. */
async function keyToPixel(page, presses) {
  await page.locator('[data-testid="viewer-screen"] canvas').click();
  await page.evaluate(() => {
    globalThis.ssKeys = [];
    const canvas = document.querySelector('[data-testid="viewer-screen"] canvas');
    const context = canvas.getContext('2d');
    const sum = () => {
      const words = new Uint32Array(context.getImageData(0, 0, Math.min(canvas.width, 500), 60).data.buffer);
      let total = 0;
      for (const word of words) total = (total * 31 + word) >>> 0;
      return total;
    };
    window.addEventListener('keydown', () => {
      const begin = performance.now();
      const before = sum();
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        if (sum() !== before) globalThis.ssKeys.push(performance.now() - begin);
        else if (performance.now() - begin < 2000) channel.port2.postMessage(0);
        else globalThis.ssKeys.push(2000);
      };
      channel.port2.postMessage(0);
    }, { capture: true });
  });
  for (let i = 0; i < presses; i++) {
    await page.keyboard.press(i % 2 ? 'Backspace' : 'x');
    await waitFor('the key is seen', () => page.evaluate((count) => globalThis.ssKeys.length > count, i), 5);
    await page.waitForTimeout(30); // the cursor's own repaint
  }
  return page.evaluate(() => globalThis.ssKeys);
}

/** Changed pictures per second over some seconds: a grid of small patches is compared at every frame. */
async function framesPerSecond(page, seconds) {
  return page.evaluate((length) => new Promise((resolve) => {
    const canvas = document.querySelector('[data-testid="viewer-screen"] canvas');
    const context = canvas.getContext('2d');
    const begin = performance.now();
    let last = -1, frames = 0;
    const look = () => {
      let total = 0;
      for (let i = 1; i < 6; i++)
        for (const word of new Uint32Array(context.getImageData((canvas.width * i) / 6, (canvas.height * i) / 6, 6, 6).data.buffer))
          total = (total * 31 + word) >>> 0;
      if (total !== last) frames++;
      last = total;
      const passed = performance.now() - begin;
      if (passed > length * 1000) resolve(frames / (passed / 1000));
      else requestAnimationFrame(look);
    };
    look();
  }), seconds);
}

const browser = await launchBrowser();
const page = await newPage(browser);
await signIn(page, url);
const result = { launchToFrame: [], keyToPixel: [], framesPerSecond: [] };
const cookie = await page.evaluate(() => document.cookie);
const csrf = /csrf_token=([^;]+)/.exec(cookie)?.[1] ?? '';

async function end(name) {
  await page.evaluate(async ([session, token]) => {
    await fetch(`/api/v1/sessions/${session}`, { method: 'DELETE', headers: { 'X-CSRF-Token': decodeURIComponent(token) } });
  }, [name, csrf]);
}

for (let run = 0; run < runs; run++) {
  await page.goto(`${url}/`);
  const button = page.getByTestId('launch-terminal');
  await button.hover();
  const begin = await page.evaluate(() => new Promise((resolve) => {
    const at = document.querySelector('[data-testid="launch-terminal"]');
    at.addEventListener('click', () => resolve(performance.timeOrigin + performance.now()), { capture: true, once: true });
    at.click();
  }));
  await page.waitForURL(/\/sessions\//);
  result.launchToFrame.push((await firstFrame(page)) - begin);
  await waitConnected(page);
  const name = new URL(page.url()).pathname.split('/').pop();
  if (run < Math.min(runs, 3)) {
    result.keyToPixel.push(...(await keyToPixel(page, 40)));
    await page.keyboard.type('\b\n' + ANIMATION);
    await page.waitForTimeout(500);
    result.framesPerSecond.push(await framesPerSecond(page, 5));
  }
  await end(name);
}
await browser.close();
console.log(JSON.stringify(result));
