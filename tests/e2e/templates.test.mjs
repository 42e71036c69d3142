// Templates, as an operator makes them: by the form, as YAML with its faults marked, from a dropped file; and given back.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Up, waitFor } from './lib/streamspace.mjs';
import { launchBrowser, newPage, signIn } from './lib/browser.mjs';

const FILE = `apiVersion: stream.space/v1alpha1
kind: Template
metadata:
  name: my-shell
spec:
  displayName: My shell
  command: [xterm]
`;
let up, browser, page;

before(async () => {
  up = await Up.start();
  browser = await launchBrowser();
  page = await newPage(browser, { reducedMotion: 'reduce' });
  await page.goto(up.url);
  await signIn(page, up.url);
});

after(async () => {
  await browser?.close();
  if (up) await up.stop();
});

const get = async (name) => up.api('GET', `/templates/${name}`);

/** Replaces what the editor holds. */
async function fill(text) {
  const editor = page.getByTestId('yaml-editor').getByRole('textbox');
  const shown = async () => (await editor.locator('.cm-line').allInnerTexts()).map((line) => line.replace('\n', '')).join('\n');
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await waitFor('the editor is empty', async () => (await shown()) === '');
  await page.keyboard.insertText(text);
  await waitFor('the editor has the text', async () => (await shown()) === text);
}

test('a template is made by the form, changed as YAML and deleted', async () => {
  await page.goto(`${up.url}/admin/templates`);
  await page.getByTestId('new-template').click();
  await page.getByTestId('template-name').fill('my-shell');
  await page.getByTestId('template-display-name').fill('My shell');
  await page.getByTestId('template-command').fill(`xterm -title 'A shell'`);
  await page.getByTestId('template-preview').getByText('My shell').waitFor();
  await page.getByTestId('template-save').click();
  await page.getByTestId('tab-yaml').click();
  assert.deepEqual((await get('my-shell')).body.command, ['xterm', '-title', 'A shell']);

  await fill(FILE.replace('command:', 'comand:'));
  await page.getByTestId('yaml-save').click();
  const problems = page.getByTestId('yaml-problems');
  await problems.getByText('is command meant?').waitFor();
  assert.match(await problems.innerText(), /Line \d+, column 3: spec\.comand/);
  await page.locator('.cm-lint-marker-error').first().waitFor();
  await fill(FILE.replace('displayName: My shell', 'displayName: Our shell'));
  await page.getByTestId('yaml-save').click();
  await waitFor('the title is changed', async () => (await get('my-shell')).body.displayName === 'Our shell');

  await page.getByTestId('tab-state').click();
  await page.getByTestId('template-remove').click();
  await page.getByTestId('confirm').click();
  await waitFor('the template is gone', async () => (await get('my-shell')).status === 404);
});

test('a dropped file is shown, checked and imported', async () => {
  await page.goto(`${up.url}/admin/templates`);
  await page.getByTestId('import-templates').waitFor();
  const text = ['one', 'two']
    .map((name) => `apiVersion: stream.space/v1alpha1\nkind: Template\nmetadata:\n  name: dropped-${name}\nspec:\n  displayName: Dropped ${name}\n  command: [xterm]\n`)
    .join('---\n');
  const transfer = await page.evaluateHandle((content) => {
    const data = new DataTransfer();
    data.items.add(new File([content], 'two.yaml', { type: 'application/yaml' }));
    return data;
  }, text);
  await page.getByRole('table').dispatchEvent('drop', { dataTransfer: transfer });
  await page.getByTestId('import-actions').getByText('dropped-two: created').waitFor();
  await page.getByTestId('import-save').click();
  await page.getByTestId('row-dropped-one').waitFor();
  await page.goto(up.url);
  await page.getByTestId('template-dropped-two').waitFor();
});

test('a built-in template is switched off and reset', async () => {
  await page.goto(`${up.url}/admin/templates?open=terminal`);
  await page.getByText('People can start it').click();
  await page.getByTestId('template-save').click();
  await waitFor('it is off', async () => (await get('terminal')).body.enabled === false);
  await page.getByTestId('tab-state').click();
  await page.getByTestId('template-remove').click();
  await page.getByTestId('confirm').click();
  await waitFor('it is on', async () => (await get('terminal')).body.enabled === true);
});
