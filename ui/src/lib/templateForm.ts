// A template as the fields of a form, and back.
import type { FullTemplate, TemplateBody, TemplateResources } from '@/api/templates';

/** The names are the server's, so that its refusals find their fields. */
export interface TemplateValues extends Record<string, string> {
  name: string;
  displayName: string;
  description: string;
  category: string;
  icon: string;
  command: string;
  image: string;
  network: string;
  env: string;
  idleTimeout: string;
  maxSessionDuration: string;
  'resources.cpu': string;
  'resources.memory': string;
  'minResources.cpu': string;
  'minResources.memory': string;
  'maxResources.cpu': string;
  'maxResources.memory': string;
}

export interface TemplateLists {
  tags: string[];
  runtimes: string[];
  groups: string[];
  packages: string[];
  enabled: boolean;
}

const RESOURCES = ['resources', 'minResources', 'maxResources'] as const;

export function valuesOf(template: Partial<FullTemplate> = {}): TemplateValues {
  const values: Record<string, string> = {
    name: template.name ?? '',
    displayName: template.displayName ?? '',
    description: template.description ?? '',
    category: template.category ?? '',
    icon: template.icon ?? '',
    command: joinWords(template.command ?? []),
    image: template.image ?? '',
    network: template.network ?? 'none',
    env: Object.entries(template.env ?? {}).map(([name, value]) => `${name}=${value}`).join('\n'),
    idleTimeout: template.idleTimeout ?? '',
    maxSessionDuration: template.maxSessionDuration ?? '',
  };
  for (const kind of RESOURCES) {
    values[`${kind}.cpu`] = template[kind]?.cpu ?? '';
    values[`${kind}.memory`] = template[kind]?.memory ?? '';
  }
  return values as TemplateValues;
}

export function listsOf(template: Partial<FullTemplate> = {}): TemplateLists {
  return {
    tags: template.tags ?? [],
    runtimes: template.runtimes ?? [],
    groups: template.groups ?? [],
    packages: template.packages ?? [],
    enabled: template.enabled !== false,
  };
}

/** What to send. Of `before` everything stays that no field shows. */
export function bodyOf(values: TemplateValues, lists: TemplateLists, before: Partial<FullTemplate> = {}): TemplateBody {
  const text = (value: string) => value.trim() || null;
  const resources = (kind: (typeof RESOURCES)[number]): TemplateResources | null => {
    const pair = { cpu: text(values[`${kind}.cpu`]), memory: text(values[`${kind}.memory`]) };
    return pair.cpu || pair.memory ? pair : null;
  };
  return {
    ...before,
    ...lists,
    name: values.name.trim(),
    displayName: values.displayName.trim(),
    description: text(values.description),
    category: text(values.category),
    icon: text(values.icon),
    command: splitWords(values.command),
    image: text(values.image),
    network: values.network === 'outbound' ? 'outbound' : 'none',
    env: readEnv(values.env),
    idleTimeout: text(values.idleTimeout),
    maxSessionDuration: text(values.maxSessionDuration),
    resources: resources('resources'),
    minResources: resources('minResources'),
    maxResources: resources('maxResources'),
  };
}

/** Lines of NAME=value. */
export function readEnv(text: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) env[line.slice(0, at).trim()] = line.slice(at + 1);
  }
  return env;
}

/** Words as a shell cuts them: blanks outside of quotes; \ before a character takes it as it is. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '\\' && quote !== "'" && i + 1 < text.length) word = (word ?? '') + text.charAt(++i);
    else if (quote) {
      if (c === quote) quote = '';
      else word = (word ?? '') + c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The text that splitWords() cuts into these words again. */
export function joinWords(words: string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

export const NEW_FILE = `apiVersion: stream.space/v1alpha1
kind: Template
metadata:
  name: my-application
spec:
  displayName: My application
  description: What it is good for.
  category: Development
  icon: terminal
  command: [xterm]
  packages: [xterm]
  network: none
  defaultResources:
    cpu: 500m
    memory: 512Mi
  maxResources:
    cpu: '2'
    memory: 4Gi
  tags: []
`;
