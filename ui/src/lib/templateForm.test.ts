import { describe, expect, it } from 'vitest';
import type { FullTemplate } from '@/api/templates';
import { bodyOf, joinWords, listsOf, readEnv, splitWords, valuesOf } from './templateForm';
import { offered } from './templates';

const template: FullTemplate = {
  name: 'gimp',
  displayName: 'GIMP',
  description: null,
  category: 'Graphics',
  protocol: 'vnc',
  command: ['gimp', '--no-splash', 'a b', "it's", ''],
  env: { LANG: 'C', EQUALS: 'a=b' },
  network: 'outbound',
  resources: { cpu: '1', memory: '1Gi' },
  maxResources: { cpu: '8' },
  tags: ['images'],
  groups: ['staff'],
  enabled: true,
  version: 3,
};

describe('the form of a template', () => {
  it('gives back what it got', () => {
    const body = bodyOf(valuesOf(template), listsOf(template), { ...template, ports: [{ containerPort: 1 }] } as FullTemplate);
    expect(body).toMatchObject({
      name: 'gimp',
      command: template.command,
      env: template.env,
      network: 'outbound',
      resources: { cpu: '1', memory: '1Gi' },
      maxResources: { cpu: '8', memory: null },
      minResources: null,
      groups: ['staff'],
      version: 3,
      ports: [{ containerPort: 1 }],
      description: null,
    });
  });

  it('cuts commands as a shell does', () => {
    expect(splitWords(`xterm  -fa 'DejaVu Sans' "a \\" b" c\\ d '' "x"y`)).toEqual(['xterm', '-fa', 'DejaVu Sans', 'a " b', 'c d', '', 'xy']);
    for (const words of [['a'], ['', "'", '"', '\\', 'a b', '#'], []]) expect(splitWords(joinWords(words))).toEqual(words);
  });

  it('reads variables by line', () => {
    expect(readEnv('A=1\n\nnothing\n B = two=2\n=x')).toEqual({ A: '1', B: ' two=2' });
  });
});

describe('what is offered', () => {
  it('is what some machine could run', () => {
    const list = [
      { ...template, name: 'a', available: true },
      { ...template, name: 'b', available: false, unavailableCode: 'missing_program' as const },
      { ...template, name: 'c', available: false, unavailableCode: 'no_runtime' as const },
      { ...template, name: 'd', enabled: false },
    ].map(({ resources: _, ...rest }) => rest);
    expect(offered(list).map((entry) => entry.name)).toEqual(['a', 'b']);
  });
});
