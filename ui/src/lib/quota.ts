// Limits and what is used of them.
import type { Quota, QuotaLimits } from '@/api/people';
import { formatCpu, formatMemory, parseQuantity } from './quantity';

export interface QuotaLine {
  field: keyof QuotaLimits;
  label: string;
  used: number;
  /** Undefined: no limit. */
  limit: number | undefined;
  format: (value: number) => string;
}

const count = (value: number) => String(value);

export function quotaLines(quota: Quota): QuotaLine[] {
  const number = (value: string | number | null | undefined) => parseQuantity(value);
  return [
    { field: 'maxSessions', label: 'Sessions', used: quota.used.sessions, limit: number(quota.maxSessions), format: count },
    { field: 'maxCpu', label: 'CPU', used: number(quota.used.cpu) ?? 0, limit: number(quota.maxCpu), format: formatCpu },
    { field: 'maxMemory', label: 'Memory', used: number(quota.used.memory) ?? 0, limit: number(quota.maxMemory), format: formatMemory },
    { field: 'maxStorage', label: 'Storage', used: number(quota.used.storage) ?? 0, limit: number(quota.maxStorage), format: formatMemory },
  ];
}

export type QuotaTexts = Record<keyof QuotaLimits, string>;

export function quotaTexts(quota: QuotaLimits): QuotaTexts {
  return {
    maxSessions: quota.maxSessions?.toString() ?? '',
    maxCpu: quota.maxCpu ?? '',
    maxMemory: quota.maxMemory ?? '',
    maxStorage: quota.maxStorage ?? '',
  };
}

/** What is wrong with the texts, by field. */
export function quotaProblems(texts: QuotaTexts): Partial<Record<keyof QuotaLimits, string>> {
  const problems: Partial<Record<keyof QuotaLimits, string>> = {};
  if (texts.maxSessions.trim() && !/^\d{1,6}$/.test(texts.maxSessions.trim())) problems.maxSessions = 'A whole number, such as 5';
  const check = (field: 'maxCpu' | 'maxMemory' | 'maxStorage', example: string) => {
    if (texts[field].trim() && parseQuantity(texts[field]) === undefined) problems[field] = `A quantity, such as ${example}`;
  };
  check('maxCpu', '4 or 500m');
  check('maxMemory', '8Gi');
  check('maxStorage', '50Gi');
  return problems;
}

/** The limits that the texts stand for; empty is none. */
export function quotaLimits(texts: QuotaTexts): QuotaLimits {
  const text = (value: string) => value.trim() || null;
  return {
    maxSessions: texts.maxSessions.trim() ? Number(texts.maxSessions) : null,
    maxCpu: text(texts.maxCpu),
    maxMemory: text(texts.maxMemory),
    maxStorage: text(texts.maxStorage),
  };
}

export const hasLimits = (limits: QuotaLimits) => Object.values(quotaTexts(limits)).some(Boolean);
