import { randomUUID } from 'node:crypto';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, type Answer, type TestApp } from '../support/app.js';

/** A command of a tenant of its own, and how often it was done. */
export interface KeyedCommand {
  readonly name: string;
  readonly path: string;
  readonly body: object;
  readonly headers: Record<string, string>;
  /** Whether it works on after its commit. */
  readonly isJob: boolean;
  readonly status: number;
  timesDone(): Promise<number>;
}

/** The members of an answer that are told every time. */
export function told({ body }: Answer): object {
  const { key: _, ...rest } = body as { key?: string };
  return rest;
}

export function isReplayed({ headers }: Answer): boolean {
  return headers.get('idempotency-replayed') === 'true';
}

interface CommandKind {
  readonly name: string;
  readonly path: string;
  readonly body: object;
  readonly isJob?: boolean;
  /** Runs under four eyes, by an approval that was given. */
  readonly needsApproval?: string;
  readonly status?: number;
  /** Tells by the tenant's id. */
  readonly done: string;
}

const PUSH = 'co1_rejected';

const KINDS: readonly CommandKind[] = [
  {
    name: 'a close',
    path: '/v1/period-closes',
    body: { as_of: '2026-01-01T00:00:00Z' },
    isJob: true,
    done: 'SELECT count(*)::int AS n FROM period_close WHERE tenant_id = $1',
  },
  {
    name: 'an approved close',
    path: '/v1/period-closes',
    body: { as_of: '2026-01-01T00:00:00Z' },
    isJob: true,
    needsApproval: 'period.close',
    // -1: only one of the two is there, the close or the use of its approval.
    done: `SELECT CASE WHEN c.n = a.n THEN c.n ELSE -1 END AS n
             FROM (SELECT count(*)::int AS n FROM period_close WHERE tenant_id = $1) c,
                  (SELECT count(*)::int AS n FROM approval
                    WHERE tenant_id = $1 AND state = 'used') a`,
  },
  {
    name: 'an approved key',
    path: '/v1/api-keys',
    body: { name: 'made', scopes: ['usage:read'] },
    status: 201,
    needsApproval: 'api_key.create',
    done: `SELECT CASE WHEN k.n = a.n THEN k.n ELSE -1 END AS n
             FROM (SELECT count(*)::int AS n FROM api_key
                    WHERE tenant_id = $1 AND name = 'made') k,
                  (SELECT count(*)::int AS n FROM approval
                    WHERE tenant_id = $1 AND state = 'used') a`,
  },
  {
    name: 'a reconciliation',
    path: '/v1/reconciliations',
    body: {},
    isJob: true,
    done: 'SELECT count(*)::int AS n FROM reconciliation WHERE tenant_id = $1',
  },
  {
    name: 'a new key',
    path: '/v1/api-keys',
    body: { name: 'made', scopes: ['usage:read'] },
    status: 201,
    done: `SELECT count(*)::int AS n FROM api_key WHERE tenant_id = $1 AND name = 'made'`,
  },
  {
    name: 'a resolution',
    path: `/v1/pushes/${PUSH}/resolutions`,
    body: { as: 'delivered', reason: 'seen at Stripe' },
    done: `SELECT count(*)::int AS n FROM push_transition
            WHERE tenant_id = $1 AND to_status = 'delivered'`,
  },
  {
    name: 'a test clock',
    path: '/v1/test-clock',
    body: { now: '2026-12-01T00:00:00Z' },
    // What is done to a clock twice shows nowhere else.
    done: 'SELECT (gate_version - 1)::int AS n FROM tenant WHERE tenant_id = $1',
  },
];

/** One of each kind, every one with a key and a tenant that were never used before. */
export function keyedCommands(test: TestApp): Promise<KeyedCommand[]> {
  return Promise.all(KINDS.map((kind) => keyedCommand(test, kind)));
}

async function keyedCommand(test: TestApp, kind: CommandKind): Promise<KeyedCommand> {
  const tenantId = await test.app.get(TenantService).create(randomUUID());
  const { text } = await test.app.get(ApiKeyService).create(tenantId, 'caller', SCOPES);
  if (kind.path.includes(PUSH)) await test.pool.query(rejectedPush(tenantId));
  const headers = { authorization: `Bearer ${text}`, 'idempotency-key': randomUUID() };
  if (kind.needsApproval !== undefined) {
    const { text: other } = await test.app.get(ApiKeyService).create(tenantId, 'other', SCOPES);
    await approve(test, kind, headers, other);
  }
  return {
    name: kind.name,
    path: kind.path,
    body: kind.body,
    headers,
    isJob: kind.isJob ?? false,
    status: kind.status ?? 200,
    async timesDone() {
      const { rows } = await test.pool.query<{ n: number }>(kind.done, [tenantId]);
      return rows[0]!.n;
    },
  };
}

/** Has a command asked for, and another key approve it. */
async function approve(
  test: TestApp,
  { path, body, needsApproval }: CommandKind,
  headers: Record<string, string>,
  otherKey: string,
): Promise<void> {
  const policy = { commands: [needsApproval] };
  await call(test.url, otherKey, 'PUT', '/v1/approval-policy', policy);
  const refused = await test.call('POST', path, body, headers);
  const decisions = `/v1/approvals/${refused.body.approval_id as string}/decisions`;
  const decision = { decision: 'approve', reason: 'looked at it' };
  const decided = await call(test.url, otherKey, 'POST', decisions, decision);
  if (decided.status !== 200) throw new Error(decided.text);
}

/** A push that Stripe refused, without the usage that it would be planned from. */
function rejectedPush(tenantId: string): string {
  return `
    INSERT INTO customer (tenant_id, customer_no, customer_id) OVERRIDING SYSTEM VALUE
    VALUES ('${tenantId}', 1, 'acme');
    INSERT INTO meter (tenant_id, meter_no, key) OVERRIDING SYSTEM VALUE
    VALUES ('${tenantId}', 1, 'calls');
    INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                           stripe_customer_id, customer_no, meter_no, period_start)
    VALUES ('${tenantId}', '${tenantId}', 'acct_1', false, 'mtr_1', 'cus_1', 1, 1, '2026-11-01Z');
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
    VALUES ('${tenantId}', '${PUSH}', 1, NULL, 'pending', NULL),
           ('${tenantId}', '${PUSH}', 2, 'pending', 'rejected', 'refused');
    INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
                      period_start, value, "timestamp", account_id, livemode, stripe_customer_id,
                      event_name, customer_key, value_key, formula, finalizes_at, transition_no,
                      status, settled_by, attempts, first_attempt_at)
    VALUES ('${tenantId}', '${PUSH}', '${tenantId}', 1, 'delta', 1, 1, '2026-11-01Z', 1,
            '2026-11-02Z', 'acct_1', false, 'cus_1', 'calls', 'stripe_customer_id', 'value', 'sum',
            '2026-12-01Z', 2, 'rejected', 'answer', 1, '2026-11-02Z')`;
}
