// Templates, as operators make and change them.
import { request } from './http';
import { at } from './list';
import type { Template } from './types';

export interface TemplateResources {
  cpu?: string | null;
  memory?: string | null;
}

/** A template with everything that operators see. What the form does not know goes back as it came. */
export interface FullTemplate extends Omit<Template, 'resources'> {
  image?: string | null;
  command?: string[];
  env?: Record<string, string> | null;
  packages?: string[];
  network?: 'none' | 'outbound' | null;
  resources?: TemplateResources | null;
  minResources?: TemplateResources | null;
  maxResources?: TemplateResources | null;
  idleTimeout?: string | null;
  maxSessionDuration?: string | null;
  groups?: string[];
  updatedBy?: string | null;
  agents?: { agentId: string; platform: string; available: boolean; reason?: string | null }[];
}

export type TemplateBody = Partial<FullTemplate> & { displayName: string };

export interface TemplateAction {
  name: string;
  action: 'created' | 'updated' | 'unchanged';
}

const YAML = 'application/yaml';
const yaml = (body: string) => ({ type: YAML, body });
const dry = (dryRun: boolean) => (dryRun ? { dryRun: 'true' } : {});

export const getTemplate = (name: string, signal?: AbortSignal) => request<FullTemplate>('GET', `/templates/${at(name)}`, { signal });

export const templateFile = (name: string, signal?: AbortSignal) =>
  request<string>('GET', `/templates/${at(name)}`, { query: { format: 'yaml' }, as: 'text', signal });

export const createTemplate = (body: TemplateBody) => request<FullTemplate>('POST', '/templates', { body });

export const putTemplate = (name: string, body: TemplateBody) => request<FullTemplate>('PUT', `/templates/${at(name)}`, { body });

export const putTemplateFile = (name: string, text: string) =>
  request<FullTemplate>('PUT', `/templates/${at(name)}`, { text: yaml(text) });

/** Removes it, or resets a built-in one. */
export const deleteTemplate = (name: string) => request<void>('DELETE', `/templates/${at(name)}`);

export const importTemplates = async (text: string, dryRun: boolean, signal?: AbortSignal): Promise<TemplateAction[]> =>
  (await request<{ templates: TemplateAction[] }>('POST', '/templates/import', { query: dry(dryRun), text: yaml(text), signal })).templates;
