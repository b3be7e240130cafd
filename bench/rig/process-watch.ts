import { readdirSync, readFileSync } from 'node:fs';

const SAMPLE_MS = 200;
/** USER_HZ, which Linux has for every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MB = 1_000_000 / 1_024;

export interface ProcessFigures {
  /** How many processor cores it kept busy, on average. */
  readonly cores: number;
  /** The most memory it had; of PostgreSQL, what its processes share is counted once. */
  readonly rssMb: number;
}

/** A process, or one with all that it forked. */
export interface Watched {
  readonly name: string;
  readonly pid: number;
  readonly withChildren: boolean;
}

/** What processes use of processor and memory, as /proc says; nothing where there is none. */
export class ProcessWatch {
  private readonly beginMs = performance.now();
  private readonly cpuSeconds: readonly number[];
  private readonly rssMb: number[];
  private readonly sampling: NodeJS.Timeout;

  constructor(private readonly watched: readonly Watched[]) {
    this.cpuSeconds = watched.map(cpuSecondsOf);
    this.rssMb = watched.map(rssMbOf);
    this.sampling = setInterval(() => {
      for (const [i, each] of watched.entries()) {
        this.rssMb[i] = Math.max(this.rssMb[i]!, rssMbOf(each));
      }
    }, SAMPLE_MS);
  }

  end(): Record<string, ProcessFigures> {
    clearInterval(this.sampling);
    const seconds = (performance.now() - this.beginMs) / 1_000;
    return Object.fromEntries(
      this.watched.map((each, i) => {
        const cores = (cpuSecondsOf(each) - this.cpuSeconds[i]!) / seconds;
        const rssMb = Math.max(this.rssMb[i]!, rssMbOf(each));
        return [each.name, { cores, rssMb: Math.round(rssMb) }];
      }),
    );
  }
}

function pidsOf({ pid, withChildren }: Watched): number[] {
  if (!withChildren) return [pid];
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children];
}

/** With what children that have ended used. */
function cpuSecondsOf(watched: Watched): number {
  let ticks = 0;
  for (const pid of pidsOf(watched)) {
    const stat = read(`/proc/${pid}/stat`);
    // Behind the name, which may hold anything: state is the third field, utime the fourteenth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map(Number);
    ticks += utime + stime + (pid === watched.pid && watched.withChildren ? cutime + cstime : 0);
  }
  return ticks / TICKS_PER_SECOND;
}

function rssMbOf(watched: Watched): number {
  let own = 0;
  let shared = 0;
  for (const pid of pidsOf(watched)) {
    const status = read(`/proc/${pid}/status`);
    own += kib(status, 'RssAnon');
    shared = Math.max(shared, kib(status, 'RssFile') + kib(status, 'RssShmem'));
  }
  return (own + shared) / KIB_PER_MB;
}

function kib(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Whether processes can be watched here. */
export function canWatch(): boolean {
  try {
    return readdirSync('/proc/self').includes('stat');
  } catch {
    return false;
  }
}
