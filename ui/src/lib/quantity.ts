// Kubernetes quantities: what `500m` CPU and `1Gi` memory mean, and back.

const SUFFIX: Record<string, number> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** The number that a quantity stands for; undefined where it is none. */
export function parseQuantity(text: string | number | null | undefined): number | undefined {
  if (typeof text === 'number') return text;
  const match = /^(\d+(?:\.\d+)?)([a-zA-Z]{0,2})$/.exec((text ?? '').trim());
  if (!match) return undefined;
  const factor = SUFFIX[match[2] ?? ''];
  return factor === undefined ? undefined : Number(match[1]) * factor;
}

/** "0.5 CPU", "4 CPUs". */
export function formatCpu(quantity: string | number | null | undefined): string {
  const cores = parseQuantity(quantity);
  if (cores === undefined) return '–';
  return `${trim(cores)} ${cores > 1 ? 'CPUs' : 'CPU'}`;
}

/** "256 MiB", "1.5 GiB". */
export function formatMemory(quantity: string | number | null | undefined): string {
  const bytes = parseQuantity(quantity);
  if (bytes === undefined) return '–';
  for (const [unit, size] of [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const) {
    if (bytes >= size) return `${trim(bytes / size)} ${unit}`;
  }
  return `${trim(bytes)} B`;
}

/** Cores as a quantity: 0.5 → "500m", 2 → "2". */
export function cpuQuantity(cores: number): string {
  const milli = Math.round(cores * 1000);
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

/** Bytes as a quantity: "512Mi", "2Gi". */
export function memoryQuantity(bytes: number): string {
  const mebi = Math.max(1, Math.round(bytes / 2 ** 20));
  return mebi % 1024 === 0 ? `${mebi / 1024}Gi` : `${mebi}Mi`;
}

/** "842 kbit/s", "3.4 Mbit/s". */
export function formatBitrate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 2 : 1)));
}
