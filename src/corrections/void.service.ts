import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import type { Principal } from '../access/caller.js';
import { Config } from '../config/config.js';
import { violatedConstraint, type Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, enterGate, type GateState } from '../database/gate.js';
import { eventKey } from '../domain/event-key.js';
import { fingerprint } from '../domain/fingerprint.js';
import { isAdditive } from '../domain/meter.js';
import type { UsageEvent } from '../domain/usage-event.js';
import { Recorder } from '../ledger/recorder.js';
import { readKeys } from '../ledger/registry.store.js';
import { voidTargets } from '../ledger/void-target.store.js';
import { insertVoidRecords, readVoids, type VoidRecord } from '../ledger/void.store.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { ReplacementCheck } from './replacement-check.js';
import { replacementRefused } from './replacement-refused.js';
import { toVoidAnswer } from './void-answer.js';
import { voidEvents } from './void-events.js';
import { VOIDED_MEANWHILE } from './voided-meanwhile.js';
import type { VoidAnswer } from './void.answer.js';
import type { VoidUsageEventDto } from './void.dto.js';

const ATTEMPTS_MAX = 5;

interface Wish {
  readonly eventKey: string;
  readonly reason: string;
  readonly replacement: { readonly eventKey: string; readonly event: UsageEvent } | undefined;
}

/** Takes usage events out of what they count in, one at a time. */
@Injectable()
export class VoidService {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly recorder: Recorder,
    private readonly check: ReplacementCheck,
  ) {}

  /**
   * Voids an event and records what takes its place, both or neither. The second time nothing is
   * done, and the answer is the first one.
   */
  async void(caller: Principal, request: VoidUsageEventDto): Promise<VoidAnswer> {
    const { tenantId } = caller;
    const key = eventKey(request.source ?? '', request.usage_event_id);
    const replacement = this.replacementOf(caller, request, key);
    const wish = { eventKey: key, reason: request.reason, replacement };
    if (!(await readKeys(this.db.work, tenantId, [key])).has(key)) {
      throw new Problem('usage_event_not_found', 'no usage event has this id and source');
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const record = await this.voidOnce(tenantId, wish);
        await this.refuseOtherReplacement(tenantId, record, replacement);
        return await toVoidAnswer(this.db.work, tenantId, record, request);
      } catch (error) {
        const lost = violatedConstraint(error) === VOIDED_MEANWHILE;
        if (!lost || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  private async voidOnce(tenantId: string, wish: Wish): Promise<VoidRecord> {
    const known = (await readVoids(this.db.work, tenantId, [wish.eventKey])).get(wish.eventKey);
    if (known !== undefined) return known;
    const targets = await voidTargets(this.db.work, tenantId, [wish.eventKey]);
    const counted = targets.get(wish.eventKey) ?? [];
    const alone = counted.some(({ aggregation }) => !isAdditive(aggregation));
    const work = (tx: Transaction, gate: GateState) => this.commit(tx, gate, tenantId, wish, alone);
    if (alone) return behindClosedGate(this.db.work, tenantId, work);
    return this.db.work.transaction(async (tx) => work(tx, await enterGate(tx, tenantId)));
  }

  private async commit(
    tx: Transaction,
    gate: GateState,
    tenantId: string,
    { eventKey: key, reason, replacement }: Wish,
    alone: boolean,
  ): Promise<VoidRecord> {
    const known = (await readVoids(tx, tenantId, [key])).get(key);
    if (known !== undefined) return known;
    const settings = { tenantId, graceSeconds: this.config.CLOSE_GRACE_SECONDS, alone };
    const effects = await voidEvents(tx, gate, settings, [key]);
    const record: VoidRecord = {
      eventKey: key,
      reason,
      voidedAt: gate.receivedAt,
      effects: effects.get(key)!,
      replacementKey: replacement?.eventKey ?? null,
      replacementStatus:
        replacement === undefined ? null : await this.replace(tx, tenantId, replacement.event),
      bulkVoidId: null,
    };
    await insertVoidRecords(tx, tenantId, [record]);
    await audit(tx, tenantId, {
      action: 'usage_event.voided',
      subject: `usage_event:${key}`,
      reason,
      after: { effects: record.effects, replacement_key: record.replacementKey },
    });
    return record;
  }

  private async replace(
    tx: Transaction,
    tenantId: string,
    event: UsageEvent,
  ): Promise<'accepted' | 'duplicate'> {
    const verdict = await this.recorder.recordWithin(tx, tenantId, event, { mayAdjust: true });
    if (verdict.status === 'accepted' || verdict.status === 'duplicate') return verdict.status;
    throw replacementRefused(verdict);
  }

  private replacementOf(
    caller: Principal,
    { replacement }: VoidUsageEventDto,
    voidedKey: string,
  ): Wish['replacement'] {
    if (replacement === undefined) return undefined;
    const checked = this.check.check(replacement, caller.scopes.includes('usage:adjust'));
    if ('errors' in checked) {
      throw new ValidationProblem(
        checked.errors.map((error) => ({ ...error, pointer: `/replacement${error.pointer}` })),
      );
    }
    const { event } = checked;
    const key = eventKey(event.source, event.usageEventId);
    if (key !== voidedKey) return { eventKey: key, event };
    const detail = 'the replacement is another usage event, with an id of its own';
    throw new ValidationProblem([
      { pointer: '/replacement/usage_event_id', code: 'invalid', detail },
    ]);
  }

  /** What was sent to take the event's place must not get lost without a word. */
  private async refuseOtherReplacement(
    tenantId: string,
    { replacementKey }: VoidRecord,
    sent: Wish['replacement'],
  ): Promise<void> {
    if (sent === undefined) return;
    const known = (await readKeys(this.db.work, tenantId, [sent.eventKey])).get(sent.eventKey);
    const isSame =
      replacementKey === sent.eventKey && known?.fingerprint.equals(fingerprint(sent.event));
    if (!isSame) {
      throw new Problem(
        'usage_event_already_voided',
        'the event was voided before, without this replacement, which was not recorded',
      );
    }
  }
}
