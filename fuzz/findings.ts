/** One thing that does not hold. */
export interface Finding {
  /** What was held, in a few words that are the same wherever it breaks so. */
  readonly check: string;
  /** Where: an operation, and what of it. */
  readonly where: string;
  readonly detail: string;
}

/** A finding and the request it came with. */
export interface Found extends Finding {
  /** From 0, of this seed; absent where it is about the run as a whole. */
  readonly request: number | undefined;
  /** A command for a shell that sends the same. */
  readonly reproduction: string | undefined;
  /** The smallest request that was found to show the same. */
  readonly shrunk?: string;
}

const EXAMPLES_MAX = 3;
const KINDS_MAX = 200;

/** All findings, of each kind the first few. */
export class Findings {
  private readonly kinds = new Map<string, { examples: Found[]; count: number }>();

  /** @returns Whether it is the first of its kind. */
  add(found: Found): boolean {
    const kind = `${found.check} | ${found.where}`;
    const known = this.kinds.get(kind);
    if (known !== undefined) {
      known.count++;
      if (known.examples.length < EXAMPLES_MAX) known.examples.push(found);
      return false;
    }
    if (this.kinds.size >= KINDS_MAX) return false;
    this.kinds.set(kind, { examples: [found], count: 1 });
    return true;
  }

  /** Puts what it was shrunk to beside the first of its kind. */
  shrunk(found: Found, shrunk: string): void {
    const known = this.kinds.get(`${found.check} | ${found.where}`);
    if (known !== undefined) known.examples[0] = { ...found, shrunk };
  }

  get size(): number {
    return this.kinds.size;
  }

  all(): readonly { readonly examples: readonly Found[]; readonly count: number }[] {
    return [...this.kinds.values()];
  }
}
