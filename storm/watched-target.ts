import { PushTarget, type PushBody, type SendOutcome } from '../src/stripe/push-target.js';
import type { StripeAccount } from '../src/stripe/stripe-account.js';
import type { Calls } from './calls.js';
import { never, type Life } from './life.js';

/** Every call of one process as the storm sees it; the process may die or stand still around it. */
export class WatchedTarget extends PushTarget {
  constructor(
    private readonly target: PushTarget,
    private readonly calls: Calls,
    private readonly life: Life,
    private readonly process: number,
    private readonly stall: () => Promise<void> | undefined,
  ) {
    super();
  }

  async send(account: StripeAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
    if (!this.life.pass('before call', body.identifier)) return never();
    const pause = this.stall();
    if (pause !== undefined) await pause;
    const call = this.calls.begin(this.process, account, body, idempotencyKey, pause !== undefined);
    const isAlive = this.life.pass('in call', body.identifier);
    const sending = this.target.send(account, body, idempotencyKey);
    if (!isAlive) {
      // The request was on its way.
      sending.catch(() => undefined);
      this.calls.end(call, 'the process died');
      return never();
    }
    const outcome = await Promise.race([sending, this.life.ended]);
    if (outcome === undefined) {
      this.calls.end(call, 'the process died');
      return never();
    }
    this.calls.end(call, outcome.kind);
    return this.life.pass('after call', body.identifier) ? outcome : never();
  }
}
