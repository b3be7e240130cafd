import { Injectable } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { onceInCommand } from '../database/command-context.js';
import { Database } from '../database/database.js';
import { requireMeter } from '../meters/require-meter.js';
import { periodKeyText, periodValues, type PeriodKey } from '../usage/period-values.js';
import { pushedValues } from '../usage/pushed-values.js';
import { toFlushAnswer, type FlushAnswer } from './flush.dto.js';
import { holdsOf, planNow, pushesOf, unplanned } from './flush.store.js';

/** How long a request waits for its pushes; then it is answered 202 and they go on. */
const ANSWER_AFTER_MS = 25_000;
const LOOK_EVERY_MS = 100;

/** Pushes what a customer has used by now, outside of the interval. */
@Injectable()
export class FlushService {
  constructor(private readonly db: Database) {}

  /**
   * Has everything planned that was recorded when it was called, and waits until what was planned
   * has its answers.
   *
   * @param meter Nothing: all meters.
   */
  async flush(
    tenantId: string,
    customerId: string,
    meter: string | undefined,
    waitMs = ANSWER_AFTER_MS,
  ): Promise<FlushAnswer> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    const meterNo =
      meter === undefined ? 0 : (await requireMeter(this.db.work, tenantId, meter)).meterNo;
    const key = { customerNo, meterNo };
    const deadline = performance.now() + waitMs;
    let periods = await onceInCommand(() => planNow(this.db.work, tenantId, key));
    let valueBefore: string | undefined;
    for (;;) {
      const answer = await this.look(tenantId, customerId, periods);
      const isOver = performance.now() > deadline;
      if (answer.status === 'pending') {
        if (isOver) return answer;
      } else {
        const { value, isPending } = await this.rest(tenantId, periods);
        // Usage that came meanwhile is another flush's; what was there before has been planned.
        const isNew = valueBefore !== undefined && valueBefore !== value;
        if (!isPending || isNew) return answer;
        // No minute is free for it yet.
        if (isOver) return { ...answer, status: 'pending' };
        valueBefore = value;
        periods = await planNow(this.db.work, tenantId, key);
      }
      await new Promise((resume) => setTimeout(resume, LOOK_EVERY_MS));
    }
  }

  /** What the periods come to, and whether any of it is neither pushed nor held. */
  private async rest(
    tenantId: string,
    periods: readonly PeriodKey[],
  ): Promise<{ value: string; isPending: boolean }> {
    const keys = periods.map((period) => ({ ...period, from: null }));
    const values = await periodValues(this.db.work, tenantId, keys);
    const pushed = await pushedValues(this.db.work, tenantId, values);
    return {
      value: values
        .map((each) => `${periodKeyText(each)} ${each.value}`)
        .toSorted()
        .join(),
      isPending: [...pushed.values()].some(({ pending }) => pending !== '0'),
    };
  }

  /** Plans first: a push that they make shows in what is read afterwards. */
  private async look(
    tenantId: string,
    customerId: string,
    periods: readonly PeriodKey[],
  ): Promise<FlushAnswer> {
    const toPlan = await unplanned(this.db.work, tenantId, periods);
    const pushes = await pushesOf(this.db.work, tenantId, periods);
    const holds = await holdsOf(this.db.work, tenantId, periods);
    return toFlushAnswer(customerId, toPlan, pushes, holds);
  }
}
