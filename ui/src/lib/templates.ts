// Search and categories of the catalogue.
import type { Template } from '@/api/types';

export const ALL = 'all';

/** What people call an application, also while the catalogue is not there. */
export function templateLabel(template: Template | undefined, name: string): string {
  return template?.displayName ?? categoryLabel(name);
}

export function categoryLabel(category: string): string {
  const text = category.replace(/[-_]+/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Every category there is, in alphabetical order. */
export function categoriesOf(templates: Template[]): string[] {
  const found = new Set(templates.map((template) => template.category).filter((c): c is string => !!c));
  return [...found].sort((a, b) => a.localeCompare(b));
}

/** Those that a user is shown: what no agent is even of the kind to run stays out of sight. */
export function offered(templates: Template[]): Template[] {
  return templates.filter((template) => template.enabled !== false && template.unavailableCode !== 'no_runtime');
}

/** Those that bear every word of the search somewhere; what can be launched comes first. */
export function filterTemplates(templates: Template[], search: string, category: string): Template[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return templates
    .filter((template) => category === ALL || template.category === category)
    .filter((template) => {
      const text = [template.name, template.displayName, template.description, template.category, ...(template.tags ?? [])]
        .join(' ')
        .toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => rank(a) - rank(b) || a.displayName.localeCompare(b.displayName));
}

const rank = (template: Template) => (template.available === false ? 1 : 0);
