/**
 * How many requests arrived for an event, answered or not. An event is known by its identifier, or
 * by its idempotency key when the client left the identifier to Stripe.
 */
export class AttemptCounts {
  readonly #counts = new Map<string, number>();

  note(identifier: string | null, idempotencyKey: string | null): void {
    const name = nameOf(identifier, idempotencyKey);
    if (name !== null) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** An accepted event took one request at least, also when nothing names it. */
  of(identifier: string, idempotencyKey: string | null): number {
    const byIdentifier = this.#counts.get(nameOf(identifier, null) ?? '');
    return byIdentifier ?? this.#counts.get(nameOf(null, idempotencyKey) ?? '') ?? 1;
  }
}

function nameOf(identifier: string | null, idempotencyKey: string | null): string | null {
  if (identifier !== null) return `identifier ${identifier}`;
  return idempotencyKey === null ? null : `key ${idempotencyKey}`;
}
