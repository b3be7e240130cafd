import type { Answer } from '../send/http-door.js';
import type { Wire } from '../send/wire.js';

interface First {
  readonly body: string;
  readonly status: number;
  readonly text: string;
}

const KEPT_MAX = 5_000;
/** The POSTs that are no commands: usage events, and Stripe's own, have ids of their own. */
const NO_COMMAND = /^\/v1\/(?:usage-events|webhooks\/[^?]*)\/?(?:\?|$)/;

/** What commands with an idempotency key were answered first, and what later ones must be. */
export class CommandsSentAgain {
  private readonly firsts = new Map<string, First>();
  private readonly running = new Map<string, number>();
  replayed = 0;

  /** Before it is sent. @returns What {@link check} is to be given of it. */
  begin(tenant: number, wire: Wire): { readonly place: string; readonly known: First | undefined } {
    const place = `${tenant} ${wire.method} ${wire.path} ${wire.headers['idempotency-key'] ?? ''}`;
    this.running.set(place, (this.running.get(place) ?? 0) + 1);
    return { place, known: this.firsts.get(place) };
  }

  check(
    { place, known }: { readonly place: string; readonly known: First | undefined },
    wire: Wire,
    answer: Answer | undefined,
  ): string[] {
    const others = this.running.get(place)! - 1;
    this.running.set(place, others);
    if (answer === undefined || wire.headers['idempotency-key'] === undefined) return [];
    // What is no command does not read the key.
    if (wire.method !== 'POST' || NO_COMMAND.test(wire.path)) return [];
    const isReplayed = answer.headers['idempotency-replayed'] === 'true';
    const body = wire.text ?? '';
    if (isReplayed) this.replayed++;
    const isDone = answer.status >= 200 && answer.status < 300;
    if (known === undefined) {
      // One that runs beside it may have been the first.
      if (isDone && !isReplayed && others === 0 && this.firsts.size < KEPT_MAX) {
        this.firsts.set(place, { body, status: answer.status, text: answer.text });
      }
      return [];
    }
    if (!isDone) return [];
    if (!isReplayed) return [`done again under one key, ${answer.status}`];
    if (known.body !== body) return ['the first answer for another body'];
    if (known.status !== answer.status) return [`${answer.status} after ${known.status}`];
    if (!wire.path.includes('/api-keys') && known.text !== answer.text) return ['another answer'];
    return [];
  }
}
