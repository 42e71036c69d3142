import { useQuery } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import { getTemplate, importTemplates, templateFile } from '@/api/templates';

export function useTemplate(name: string) {
  return useQuery({ queryKey: keys.template(name), queryFn: ({ signal }) => getTemplate(name, signal) });
}

export function useTemplateFile(name: string) {
  return useQuery({ queryKey: keys.templateFile(name), queryFn: ({ signal }) => templateFile(name, signal), staleTime: Infinity, gcTime: 0 });
}

/** What the server thinks of a text, once the typing pauses. */
export function useFileCheck(text: string) {
  return useQuery({
    queryKey: ['template-check', text],
    queryFn: ({ signal }) => importTemplates(text, true, signal),
    enabled: text.trim() !== '',
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
  });
}
