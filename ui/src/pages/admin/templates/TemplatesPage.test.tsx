import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { MemoryRouter } from 'react-router-dom';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UserProvider } from '@/hooks/queries';
import { TemplateForm } from './TemplateForm';
import { ImportModal } from './ImportModal';

// CodeMirror measures what jsdom does not lay out; here a text field stands for it.
vi.mock('@/components/yaml/LazyYamlEditor', () => ({
  LazyYamlEditor: ({ value, onChange, label }: { value: string; onChange: (text: string) => void; label: string }) => (
    <textarea aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)} />
  ),
}));

const fetchMock = vi.fn<typeof fetch>();
const sent: { method: string; url: string; body: string }[] = [];
let answer: (url: string, method: string) => Response;

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' } });

beforeEach(() => {
  sent.length = 0;
  answer = () => json(200, {});
  fetchMock.mockImplementation(async (url, init) => {
    const path = String(url);
    if (path.endsWith('/auth/me')) return json(200, { username: 'olga', role: 'operator' });
    if (!init?.method || init.method === 'GET') return json(200, { templates: [], groups: [] });
    sent.push({ method: init.method, url: path, body: String(init.body) });
    return answer(path, init.method);
  });
  vi.stubGlobal('fetch', fetchMock);
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }));
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} });
});
// A large form on a slow machine.
vi.setConfig({ testTimeout: 30_000 });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  fetchMock.mockReset();
});

async function show(element: React.ReactNode) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={client}>
          <MemoryRouter future={{ v7_startTransition: true, v7_relativeSplatPath: true }}><UserProvider value={{ username: 'olga', role: 'operator' }}>{element}</UserProvider></MemoryRouter>
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
}

const type = (testId: string, value: string) => fireEvent.change(screen.getByTestId(testId), { target: { value } });

it('makes a template and puts refusals beside their fields', async () => {
  const saved = vi.fn();
  await show(<TemplateForm onSaved={saved} />);
  fireEvent.click(screen.getByTestId('template-save'));
  expect(screen.getByText('Choose a name')).toBeTruthy();
  expect(sent).toEqual([]);
  type('template-name', 'notes');
  type('template-display-name', 'Notes');
  type('template-command', `mousepad --name 'My notes'`);
  answer = () => json(400, { code: 'invalid_field', detail: 'no', fields: [{ field: 'name', message: 'is taken' }] });
  fireEvent.click(screen.getByTestId('template-save'));
  await waitFor(() => expect(screen.getByText('Is taken')).toBeTruthy());
  answer = () => json(201, { name: 'notes', displayName: 'Notes' });
  fireEvent.click(screen.getByTestId('template-save'));
  await waitFor(() => expect(saved).toHaveBeenCalledWith('notes'));
  expect(sent[1]).toMatchObject({ method: 'POST', url: '/api/v1/templates' });
  expect(JSON.parse(sent[1]!.body)).toMatchObject({ name: 'notes', command: ['mousepad', '--name', 'My notes'], enabled: true });
});

it('checks a file before it is imported and names line and column', async () => {
  answer = () => json(400, { code: 'invalid_field', detail: 'no', fields: [{ field: 'spec.vnc.port', message: 'must be a number', line: 7, column: 11 }] });
  await show(<ImportModal opened text="kind: Template" onClose={() => {}} />);
  await waitFor(() => expect(screen.getByTestId('yaml-problems').textContent).toContain('Line 7, column 11: spec.vnc.port: must be a number'));
  expect((screen.getByTestId('import-save') as HTMLButtonElement).disabled).toBe(true);
  answer = (url) => json(200, { dryRun: url.includes('dryRun'), templates: [{ name: 'a', action: 'created' }] });
  fireEvent.change(screen.getByLabelText('Files to import'), { target: { value: 'kind: Template # better' } });
  await waitFor(() => expect(screen.getByTestId('import-actions').textContent).toContain('a: created'), { timeout: 3000 });
  fireEvent.click(screen.getByTestId('import-save'));
  await waitFor(() => expect(sent.at(-1)).toMatchObject({ url: '/api/v1/templates/import', body: 'kind: Template # better' }));
});
