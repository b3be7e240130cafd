import { Injectable } from '@nestjs/common';
import type { Principal } from '../access/caller.js';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import type { Micros } from '../domain/instant.js';
import type { Verdict } from '../ledger/verdict.js';
import { readQuarantined, type QuarantinedEvent } from '../quarantine/quarantine-list.store.js';
import type { Refusal } from '../quarantine/refused-event.js';
import {
  nextToReplay,
  remainingToReplay,
  settleReplayed,
  type ReplayFilter,
} from '../quarantine/replayed-events.store.js';
import { IngestService } from './ingest.service.js';
import type { QuarantineReplayAnswer } from './quarantine.answer.js';
import { noCounts, type Counts } from './receipt.dto.js';
import { toRefusal } from './refused-sending.js';

/** Of one call. */
const EVENTS_MAX = 10_000;
/** As many as one recording transaction takes; they are settled before the next are read. */
const EVENTS_PER_STEP_MAX = 500;
/** No step begins later; what is left is told as remaining. */
const WORK_MAX_MS = 20_000;

/** Sends events of the quarantine through the door once more, now that their cause may be mended. */
@Injectable()
export class QuarantineReplayService {
  constructor(
    private readonly db: Database,
    private readonly ingest: IngestService,
  ) {}

  /**
   * What is accepted or a duplicate leaves the quarantine; the rest stays, with its newest code.
   *
   * Recorded first, taken out then: cut off in between, or run twice at a time, the same events come
   * back as duplicates and leave.
   */
  async replay(caller: Principal, filter: ReplayFilter): Promise<QuarantineReplayAnswer> {
    const { tenantId } = caller;
    const startedAt = await timeOfDay(this.db.work);
    const deadline = Date.now() + WORK_MAX_MS;
    const ids = await nextToReplay(this.db.work, tenantId, filter, EVENTS_MAX);
    const counts = noCounts();
    for (let from = 0; from < ids.length && Date.now() < deadline; from += EVENTS_PER_STEP_MAX) {
      const step = ids.slice(from, from + EVENTS_PER_STEP_MAX);
      const events = await readQuarantined(this.db.work, tenantId, step);
      for (const historical of [false, true]) {
        const some = events.filter((event) => event.historical === historical);
        if (some.length > 0) await this.replaySome(caller, historical, some, startedAt, counts);
      }
    }
    const remaining = await remainingToReplay(this.db.work, tenantId, filter, startedAt);
    return { ...counts, remaining };
  }

  private async replaySome(
    caller: Principal,
    historical: boolean,
    events: readonly QuarantinedEvent[],
    startedAt: Micros,
    counts: Counts,
  ): Promise<void> {
    const whole = events.filter(({ event }) => event !== null);
    const sendings = whole.map(({ event, shape }) => ({ raw: event, shape }));
    const verdicts = await this.ingest.recordAgain({ caller, historical }, sendings);
    const recordedIds: string[] = [];
    const refused = new Map<string, Refusal>();
    for (const [i, { id }] of whole.entries()) {
      const verdict: Verdict = verdicts[i]!;
      counts[verdict.status]++;
      const refusal = toRefusal(verdict);
      if (refusal === undefined) recordedIds.push(id);
      else refused.set(id, refusal);
    }
    // What is too large to be kept whole is there to be looked at; only its sender can send it.
    for (const { id, event, code, errors, fields } of events) {
      if (event !== null) continue;
      counts[fields === null ? 'rejected' : 'conflict']++;
      refused.set(id, { code, errors, fields });
    }
    await settleReplayed(this.db.work, caller.tenantId, recordedIds, refused, startedAt);
  }
}
