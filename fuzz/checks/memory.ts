import { readFileSync } from 'node:fs';

const KIB = 1_024;
/** So much more than early on may be in the last tenth: garbage is collected when V8 likes. */
const GROWTH_MAX = 1.25;
const GROWTH_MAX_BYTES = 48 * KIB * KIB;
/** Of fewer samples nothing can be said. */
const SAMPLES_MIN = 40;

export interface MemoryFigures {
  readonly startBytes: number;
  readonly peakBytes: number;
  readonly endBytes: number;
  readonly warmBytes: number;
  readonly lastBytes: number;
  readonly samples: number;
}

/** Resident memory of the service, as Linux tells it. */
export class Memory {
  private readonly samples: number[] = [];

  constructor(private readonly pid: number) {}

  sample(): void {
    const bytes = residentBytes(this.pid);
    if (bytes !== undefined) this.samples.push(bytes);
  }

  figures(): MemoryFigures {
    const { samples } = this;
    return {
      startBytes: samples[0] ?? 0,
      peakBytes: samples.reduce((max, bytes) => Math.max(max, bytes), 0),
      endBytes: samples.at(-1) ?? 0,
      // The first tenth warms up.
      warmBytes: medianOf(samples, 0.1, 0.4),
      lastBytes: medianOf(samples, 0.9, 1),
      samples: samples.length,
    };
  }

  check(): string[] {
    const { warmBytes, lastBytes, samples } = this.figures();
    if (samples < SAMPLES_MIN) return [];
    const most = warmBytes * GROWTH_MAX + GROWTH_MAX_BYTES;
    if (lastBytes <= most) return [];
    return [`${mebibytes(lastBytes)} in the last tenth, after ${mebibytes(warmBytes)}`];
  }
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / KIB / KIB)} MiB`;
}

function medianOf(samples: readonly number[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return part.sort((a, b) => a - b)[part.length >> 1] ?? 0;
}

function residentBytes(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * KIB;
  } catch {
    return undefined;
  }
}
