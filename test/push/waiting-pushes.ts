import { randomUUID } from 'node:crypto';
import { EVENT_NAME, PushScene } from './push-scene.js';

/** A push that waits, without the usage that it would be planned from. */
export interface WaitingPush {
  readonly identifier: string;
  /** Of its Stripe customer, `cus_1` and so on. */
  readonly customerNo?: number;
  readonly kind?: 'delta' | 'total';
  readonly closes?: boolean;
  readonly finalizesAt?: string;
  /** When it came due: so many seconds ago. */
  readonly dueAgo?: number;
  /** In the lane of its Stripe customer. */
  readonly sequence?: number;
  /** Of the scene's own, where it is absent. */
  readonly tenantId?: string;
}

const ACCOUNT_ID = 'acct_scene';

const CUSTOMER = `
  INSERT INTO customer (tenant_id, customer_no, customer_id, stripe_customer_id)
  OVERRIDING SYSTEM VALUE
  SELECT $1, n, 'customer_' || n, 'cus_' || n FROM unnest($2::bigint[]) n
  ON CONFLICT (tenant_id, customer_no) DO NOTHING`;

const LANE = `
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                         stripe_customer_id, customer_no, meter_no, period_start, active)
  SELECT $1::uuid, md5($1::text || n)::uuid, $3, false, 'mtr_1', 'cus_' || n, n, 1, '2026-11-01Z', true
    FROM unnest($2::bigint[]) n
  ON CONFLICT (tenant_id, lane_id) DO NOTHING`;

const TRANSITION = `
  INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status)
  VALUES ($1, $2, 1, 'pending')`;

const PUSH = `
  INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no, period_start,
                    value, "timestamp", account_id, livemode, stripe_customer_id, event_name,
                    customer_key, value_key, formula, closes, of_closed, finalizes_at, transition_no, status,
                    next_attempt_at)
  VALUES ($1::uuid, $2, md5($1::text || $3::bigint)::uuid, $4::integer, $5, $3::bigint, 1,
          '2026-11-01Z', 1, '2026-11-02T00:00:00Z'::timestamptz + $4::integer * interval '1 minute', $6, false, 'cus_' || $3::bigint,
          $7, 'stripe_customer_id', 'value', 'sum', $8, $8, $9, 1, 'pending',
          now() - $10::integer * interval '1 second')`;

/** A meter that is mapped, and nothing of it pushed. */
export async function mapped(
  env: Record<string, string> = {},
  options: Parameters<typeof PushScene.open>[1] = {},
): Promise<PushScene> {
  const opened = await PushScene.open({ STRIPE_ACCOUNT_ID: ACCOUNT_ID, ...env }, options);
  await opened.now('2026-11-10T12:30:20Z');
  await opened.meter();
  await opened.stripeMeter();
  return opened;
}

/** Pushes of the meter of `scene`, as the planner would have left them. */
export async function waiting(scene: PushScene, pushes: readonly WaitingPush[]): Promise<void> {
  const places = new Map<number, number>();
  for (const push of pushes) {
    const { customerNo = 1, tenantId = scene.tenantId } = push;
    const place = (places.get(customerNo) ?? 0) + 1;
    places.set(customerNo, place);
    await scene.db.work.query(CUSTOMER, [tenantId, [customerNo]]);
    await scene.db.work.query(LANE, [tenantId, [customerNo], ACCOUNT_ID]);
    await scene.db.work.query(TRANSITION, [tenantId, push.identifier]);
    await scene.db.work.query(PUSH, [
      tenantId,
      push.identifier,
      customerNo,
      push.sequence ?? place,
      push.kind ?? 'delta',
      ACCOUNT_ID,
      EVENT_NAME,
      push.closes ?? false,
      push.finalizesAt ?? '2026-12-01T00:00:00Z',
      push.dueAgo ?? 60,
    ]);
  }
}

/** So many pushes, dealt out to so many Stripe customers. */
export function many(pushes: number, customers: number): WaitingPush[] {
  return Array.from({ length: pushes }, (_, index) => ({
    identifier: `push_${index}_${randomUUID()}`,
    customerNo: (index % customers) + 1,
  }));
}
