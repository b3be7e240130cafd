import type pg from 'pg';
import { verifyChain } from '../../src/access/audit/audit-verification.js';
import { Connections } from '../../src/database/connections.js';
import type { Rig } from '../rig.js';
import type { Door } from '../send/http-door.js';
import { parseObject } from './check-problem.js';
import { hasSecret } from './check-leaks.js';

/** One thing that is held once all requests are answered. */
export interface EndCheck {
  readonly name: string;
  readonly held: number;
  readonly findings: readonly string[];
}

const EXAMPLES_MAX = 5;
const REPLAY_POLLS = 600;
const POLL_MS = 500;

/** Of each event and meter the newest entry and the newest void, added up without the product. */
const TOTALS = `
  WITH entry AS (
    SELECT e.* FROM usage_entry e WHERE NOT EXISTS (
           SELECT FROM usage_entry newer WHERE newer.tenant_id = e.tenant_id
              AND newer.event_key = e.event_key AND newer.meter_no = e.meter_no
              AND newer.is_void = e.is_void AND newer.entry_no > e.entry_no)),
  ledger AS (
    SELECT tenant_id, customer_no, meter_no, period_start,
           sum(CASE WHEN is_void THEN -quantity ELSE quantity END) AS value,
           sum(CASE WHEN is_void THEN -1 ELSE 1 END) AS count
      FROM entry GROUP BY 1, 2, 3, 4),
  total AS (
    SELECT tenant_id, customer_no, meter_no, period_start, sum(quantity_sum) AS value,
           sum(entry_count) AS count
      FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) u GROUP BY 1, 2, 3, 4)
  SELECT format('customer %s, meter %s, %s: total %s of %s, ledger %s of %s', customer_no, meter_no,
                period_start, total.value, total.count, ledger.value, ledger.count) AS finding,
         count(*) OVER () AS places
    FROM ledger FULL JOIN total USING (tenant_id, customer_no, meter_no, period_start)
   WHERE (coalesce(ledger.value, 0), coalesce(ledger.count, 0))
         IS DISTINCT FROM (coalesce(total.value, 0), coalesce(total.count, 0))`;

/** What an event counts where the meter reads its quantity, or counts it. */
const ENTRIES = `
  SELECT format('%s in meter %s: %s of %s', v.usage_event_id, e.meter_no, e.quantity, v.quantity)
         AS finding
    FROM usage_entry e
    JOIN usage_event v USING (tenant_id, event_key)
    JOIN meter_settings s ON s.tenant_id = e.tenant_id AND s.meter_no = e.meter_no
     AND s.version = e.settings_version
   WHERE e.quantity IS DISTINCT FROM CASE
         WHEN s.aggregation IN ('count', 'unique_count') THEN 1
         WHEN s.value_property = 'quantity' THEN v.quantity
         ELSE (v.properties->>s.value_property)::numeric END
  UNION ALL
  SELECT format('an entry of %s, which is no event', event_key) FROM usage_entry e
   WHERE NOT EXISTS (SELECT FROM usage_event v
                      WHERE v.tenant_id = e.tenant_id AND v.event_key = e.event_key)`;

/** Holds what is left behind: totals, entries, replays, audit chains, logs. */
export async function checkEnd(rig: Rig, door: Door | undefined): Promise<EndCheck[]> {
  const { admin } = rig;
  return [
    await bySql(admin, 'totals = ledger', TOTALS, 'usage_entry'),
    await bySql(admin, 'each entry counts what its event says', ENTRIES, 'usage_entry'),
    // Where the service was stopped with us, nobody is there to do it.
    ...(door === undefined ? [] : [await checkReplays(rig, door)]),
    await checkAudit(rig),
    checkServiceLog(rig),
    checkPostgresLog(rig),
  ];
}

async function bySql(
  admin: pg.Client,
  name: string,
  sql: string,
  table: string,
): Promise<EndCheck> {
  const { rows } = await admin.query<{ finding: string }>(`${sql} LIMIT ${EXAMPLES_MAX}`);
  const counted = await admin.query<{ held: string }>(`SELECT count(*) AS held FROM ${table}`);
  return { name, held: Number(counted.rows[0]!.held), findings: rows.map((row) => row.finding) };
}

async function checkReplays(rig: Rig, door: Door): Promise<EndCheck> {
  const findings: string[] = [];
  let held = 0;
  for (const key of rig.operatorKeys) {
    const call = async (method: string, path: string, text?: string) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const body = text === undefined ? undefined : Buffer.from(text);
      const answer = await door.send({ method, path, headers, body, text });
      return 'cut' in answer ? { cut: answer.cut } : (parseObject(answer.text) ?? {});
    };
    let replay = await call('POST', '/v1/replays', '{"mode":"verify"}');
    for (let n = 0; replay['status'] === 'running' && n < REPLAY_POLLS; n++) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      replay = await call('GET', `/v1/replays/${String(replay['id'])}`);
    }
    held += (replay['checked'] as { totals?: number } | undefined)?.totals ?? 0;
    if (replay['status'] !== 'finished' || replay['difference_count'] !== 0) {
      findings.push(JSON.stringify(replay).slice(0, 1_500));
    }
  }
  return { name: 'a replay finds no difference', held, findings };
}

async function checkAudit(rig: Rig): Promise<EndCheck> {
  const db = new Connections(rig.databaseUrl, 'fuzz', 1);
  try {
    const findings: string[] = [];
    let held = 0;
    for (const { id } of rig.world.tenants) {
      const chain = await verifyChain(db, id, { noted: undefined });
      held += chain.entries;
      findings.push(...chain.findings.map((finding) => JSON.stringify(finding)));
    }
    return { name: 'the audit chain is whole', held, findings: findings.slice(0, EXAMPLES_MAX) };
  } finally {
    await db.end();
  }
}

/** Pino's `error`. */
const ERROR_LEVEL = 50;

function checkServiceLog(rig: Rig): EndCheck {
  const lines = rig.serviceLog().trim().split('\n');
  const findings = new Set<string>();
  for (const line of lines) {
    const entry = parseObject(line);
    if (entry === undefined) findings.add(`no JSON: ${line.slice(0, 300)}`);
    else if (Number(entry['level']) >= ERROR_LEVEL) {
      findings.add(
        line.replaceAll(/urn:countonce:request:[\w-]+|"time":[^,]+,/g, '').slice(0, 1_200),
      );
    }
    if (hasSecret(line, rig.world.secrets)) findings.add('a secret stands in the log');
  }
  return {
    name: 'the log of the service tells no secret and no error',
    held: lines.length,
    findings: [...findings].slice(0, EXAMPLES_MAX * 2),
  };
}

/** What must not come as far as PostgreSQL: values that it refuses, and locks in two orders. */
const DATABASE_ERRORS =
  /ERROR: {2}(?:deadlock detected|invalid |numeric field overflow|value .* out of range|.* out of range|unsupported Unicode|.* does not exist|.* violates |division by zero|cannot )|PANIC|FATAL: {2}(?!terminating|the database)/;

function checkPostgresLog(rig: Rig): EndCheck {
  const lines = rig.postgresLog().split('\n');
  const findings = new Set<string>();
  for (const [n, line] of lines.entries()) {
    if (!DATABASE_ERRORS.test(line)) continue;
    const error = line.replace(/^.*?(?=ERROR|PANIC|FATAL)/, '');
    findings.add(`${error} ${lines.slice(n + 1, n + 6).join(' ')}`.slice(0, 700));
  }
  return {
    name: 'PostgreSQL was asked nothing that it had to refuse',
    held: lines.length,
    findings: [...findings].slice(0, EXAMPLES_MAX),
  };
}
