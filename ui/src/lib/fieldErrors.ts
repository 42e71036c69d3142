// Where the server's refusals belong: beside their fields, or above the form.
import { ApiError, errorText } from '@/api/http';

/** The last name in a path: "limits.maxCpu" and "/limits/maxCpu" → "maxCpu". */
const lastName = (field: string) => field.split(/[./]/).filter(Boolean).pop() ?? field;

/** What the server says about one field of the form. */
export function fieldError(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const found = error.fields.find((entry) => entry.field === field || lastName(entry.field) === field);
  return found && sentence(found.message);
}

/** What is left to say above the form, once `shown` fields say theirs. */
export function formError(error: unknown, shown: readonly string[]): string | undefined {
  if (!error) return undefined;
  if (!(error instanceof ApiError) || error.fields.length === 0) return errorText(error);
  const rest = error.fields.filter((entry) => !shown.includes(entry.field) && !shown.includes(lastName(entry.field)));
  if (rest.length === 0) return undefined;
  return rest.map((entry) => `${entry.field}: ${entry.message}`).join('\n');
}

export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
