import type pg from 'pg';
import type { TestApp } from '../support/app.js';

/** An entry, as GET /v1/audit-entries shows it. */
export interface ShownEntry {
  readonly sequence: number;
  readonly actor: { readonly kind: string; readonly id: string | null; readonly name: string };
  readonly action: string;
  readonly subject: string | null;
  readonly reason: string | null;
  readonly before: any;
  readonly after: any;
  readonly erased: boolean;
  readonly previous_hash: string;
  readonly hash: string;
}

/** Every entry of the tenant `default`, in the order of its chain. */
export async function entriesOf(api: TestApp, query = ''): Promise<ShownEntry[]> {
  const entries: ShownEntry[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const rest: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const path = `/v1/audit-entries?order=oldest&limit=1000${query}${rest}`;
    const { body } = await api.call('GET', path);
    entries.push(...(body.data as ShownEntry[]));
    cursor = body.next_cursor as string | null;
  }
  return entries;
}

export async function tenantIdOf({ pool }: TestApp): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT tenant_id AS id FROM tenant WHERE name = 'default'`,
  );
  return rows[0]!.id;
}

/** What only an owner of the database can do: changes without triggers. */
export async function tamper(pool: pg.Pool, ...statements: readonly string[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL session_replication_role = replica`);
    for (const statement of statements) await client.query(statement);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
