// Agents in the page: drained and resumed, labelled, enrolled by the command that is shown, deleted.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROGRAM, Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, screenshot, signIn } from './lib/browser.mjs';

let up, browser, page, agent, directory;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
  page = await newPage(browser);
  await signIn(page, up.url);
  await page.goto(`${up.url}/admin/agents`);
});

after(async () => {
  await browser?.close();
  await stopAgent();
  if (up) await up.stop();
});

async function stopAgent() {
  if (!agent) return;
  agent.kill('SIGTERM');
  await agent.exited;
  agent = undefined;
  rmSync(directory, { recursive: true, force: true });
}

const card = (id, status) => page.locator(`[data-testid="agent-${id}"][data-status="${status}"]`);

test('an agent is drained, gets nothing new, and is resumed', async () => {
  await page.getByTestId(`agent-menu-${up.agentId}`).click();
  await page.getByTestId('agent-drain').click();
  await page.getByTestId('confirm').click();
  await card(up.agentId, 'draining').waitFor();
  await screenshot(page, 'agent-draining');
  const refused = await up.api('POST', '/sessions', { template: 'terminal' });
  assert.deepEqual([refused.status, refused.body.code], [503, 'no_agent']);
  await page.getByTestId(`agent-menu-${up.agentId}`).click();
  await page.getByTestId('agent-resume').click();
  await card(up.agentId, 'online').waitFor();
});

test('labels are refused and kept', async () => {
  await page.getByTestId(`agent-menu-${up.agentId}`).click();
  await page.getByTestId('agent-labels').click();
  await page.getByTestId('labels-input').fill('no label');
  await page.keyboard.press('Enter');
  await page.getByTestId('labels-save').click();
  await page.getByText('“no label” is no label').waitFor();
  await page.keyboard.press('Backspace');
  await page.getByTestId('labels-input').fill('disk=ssd');
  await page.keyboard.press('Enter');
  await page.getByTestId('labels-save').click();
  await card(up.agentId, 'online').getByText('disk=ssd').waitFor();
  assert.equal((await up.api('GET', `/agents/${up.agentId}`)).body.labels.disk, 'ssd');
});

test('the command that is shown enrols an agent, once', async () => {
  await page.getByTestId('enrol-agent').click();
  await page.getByTestId('enrol-name').fill('workshop-1');
  await page.getByTestId('enrol-create').click();
  const command = await page.getByTestId('enrol-command').textContent();
  const found = /^STREAMSPACE_API_KEY=(\S+) \\\n\s+streamspace (agent --agent-id workshop-1) \\\n\s+(--control-plane-url \S+)$/.exec(command);
  assert.ok(found, command);
  await page.getByTestId('enrol-done').click();
  await page.getByRole('button', { name: 'Revoke the token for workshop-1' }).waitFor();

  directory = mkdtempSync(path.join(tmpdir(), 'ss-e2e-agent-'));
  const words = [...found[2].split(' '), ...found[3].split(' '), '--runtime', 'null', `--data-dir=${directory}`];
  agent = spawn(PROGRAM, words, { stdio: 'ignore', env: { ...process.env, STREAMSPACE_API_KEY: found[1] } });
  agent.exited = new Promise((resolve) => agent.on('exit', resolve));
  await card('workshop-1', 'online').waitFor();
});

test('an agent that is online is deleted only by who insists', async () => {
  await page.getByTestId('agent-menu-workshop-1').click();
  await page.getByTestId('agent-delete').click();
  await page.getByTestId('confirm').click();
  const insist = page.getByRole('button', { name: 'Delete it all the same' });
  await insist.waitFor();
  await screenshot(page, 'agent-delete');
  await insist.click();
  await page.getByTestId('agent-workshop-1').waitFor({ state: 'detached' });
  await waitFor('it is gone', async () => (await up.api('GET', '/agents/workshop-1')).status === 404);
});

test('no script failed and nothing broke the content security policy', () => assert.deepEqual(page.errors, []));
