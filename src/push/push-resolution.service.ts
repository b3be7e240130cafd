import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { enterGate } from '../database/gate.js';
import type { Micros } from '../domain/instant.js';
import { changeStatus } from '../outbox/change-status.store.js';
import type { PushStatus } from '../outbox/push-status.js';
import { addWorkOfPushes } from '../outbox/push-work.store.js';
import { Problem } from '../problem/problem.js';
import type { PeriodKey } from '../usage/period-values.js';
import { unparkLanes } from './push-lane.store.js';
import type { PushResolutionDto } from './push-resolution.dto.js';

interface Standing extends PeriodKey {
  readonly identifier: string;
  readonly laneId: string;
  readonly status: PushStatus;
  readonly transitionNo: number;
  readonly settledBy: string | null;
  readonly replaced: boolean;
}

const STANDING = `
  SELECT identifier, lane_id AS "laneId", status, transition_no AS "transitionNo",
         settled_by AS "settledBy", replaced, customer_no AS "customerNo", meter_no AS "meterNo",
         period_start AS "periodStart"
    FROM push WHERE tenant_id = $1 AND identifier = $2 FOR UPDATE`;

const REPLACE = `UPDATE push SET replaced = true WHERE tenant_id = $1 AND identifier = $2`;

/** Settles by hand what no answer and no reading settles. */
@Injectable()
export class PushResolutionService {
  constructor(private readonly db: Database) {}

  /**
   * The same resolution again changes nothing.
   *
   * @throws Problem `push_not_found`, `push_not_resolvable`.
   */
  async resolve(
    tenantId: string,
    identifier: string,
    { as, reason }: PushResolutionDto,
  ): Promise<void> {
    await this.db.work.transaction(async (tx) => {
      const { receivedAt: at } = await enterGate(tx, tenantId);
      await addWorkOfPushes(tx, tenantId, [identifier], false);
      const [push] = await tx.query<Standing>(STANDING, [tenantId, identifier]);
      if (push === undefined) throw new Problem('push_not_found', 'no push has this identifier');
      if (isSettledAs(push, as)) return;
      refuseSettled(push);
      const why = `resolved: ${reason}`;
      if (as === 'delivered') await settle(tx, tenantId, push, { to: 'delivered', why, at });
      else await planAgain(tx, tenantId, push, { why, at });
      await audit(tx, tenantId, {
        action: 'push.resolved',
        subject: `push:${identifier}`,
        reason,
        before: { status: push.status },
        after: { status: as === 'delivered' ? 'delivered' : 'rejected', as },
      });
    });
  }
}

function isSettledAs(push: Standing, as: PushResolutionDto['as']): boolean {
  if (as === 'delivered') return push.status === 'delivered' && push.settledBy === 'resolution';
  return push.status === 'rejected' && push.replaced;
}

function refuseSettled({ status, replaced }: Standing): void {
  if (replaced) {
    throw new Problem('push_not_resolvable', 'other pushes carry its value already');
  }
  if (status === 'unknown' || status === 'disputed' || status === 'rejected') return;
  const detail = `it is ${status}; unknown, disputed and rejected pushes are settled by hand`;
  throw new Problem('push_not_resolvable', detail);
}

/** Its value goes under a new sequence, and so does all else that its lane was parked with. */
async function planAgain(
  tx: Transaction,
  tenantId: string,
  push: Standing,
  { why, at }: { why: string; at: Micros },
): Promise<void> {
  if (push.status === 'rejected') await tx.query(REPLACE, [tenantId, push.identifier]);
  else await settle(tx, tenantId, push, { to: 'rejected', why, at });
  await unparkLanes(tx, tenantId, [push.laneId]);
}

async function settle(
  tx: Transaction,
  tenantId: string,
  { identifier, transitionNo, status: from }: Standing,
  { to, why: reason, at }: { to: 'delivered' | 'rejected'; why: string; at: Micros },
): Promise<void> {
  const replaced = to === 'rejected';
  const change = { identifier, transitionNo, from, to, reason, replaced, at };
  await changeStatus(tx, tenantId, { ...change, by: 'resolution' });
}
