import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Life } from './life.js';

/** No server listens there: what a connection finds while the one that does is away. */
const CLOSED_PORT = 1;

/** Whether Stripe can be reached. */
export interface StripeReach {
  isAway: boolean;
}

/** The connections of one process to Stripe: refused while it is away, closed when the process dies. */
export class StripeLine extends Agent {
  constructor(
    private readonly reach: StripeReach,
    life: Life,
  ) {
    super({ keepAlive: true });
    life.onKill(() => this.destroy());
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const way = this.reach.isAway ? { ...options, port: CLOSED_PORT } : options;
    return super.createConnection(way, callback);
  }
}
