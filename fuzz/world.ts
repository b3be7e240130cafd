import { POOLS, type Pool, type TenantIndex } from './plan.js';

/** Of each pool the newest: what is there early is mostly settled. */
const POOL_MAX = 300;
const WALK_NODES_MAX = 400;

/** One of the two tenants, as its operator knows it. */
export interface Tenant {
  readonly id: string;
  /** By number: of every scope, reading, writing, revoked. */
  readonly keys: readonly string[];
}

/** What `id` is in the answers of a route. */
const ID_POOLS: readonly (readonly [RegExp, Pool])[] = [
  [/^GET \/v1\/quarantine$/, 'quarantine'],
  [/^(?:GET|POST) \/v1\/voids/, 'void'],
  [/^(?:GET|POST) \/v1\/period-closes/, 'close'],
  [/^(?:GET|POST) \/v1\/replays/, 'replay'],
  [/^(?:GET|POST) \/v1\/reconciliations/, 'reconciliation'],
  // Of those that are made on the way alone: without the first ones nothing goes on.
  [/^POST \/v1\/api-keys/, 'api_key'],
  [/^GET \/v1\/stripe-events/, 'stripe_event'],
];

const MEMBER_POOLS: ReadonlyMap<string, Pool> = new Map([
  ['customer_id', 'customer'],
  ['usage_event_id', 'event'],
  ['period_start', 'period'],
  ['identifier', 'push'],
  ['next_cursor', 'cursor'],
  ['code', 'code'],
]);

/** What is there, as far as answers told it, so that later requests can name it. */
export class World {
  readonly tenants: Tenant[] = [];
  /** Must stand in no answer and no log line. */
  readonly secrets = new Set<string>();
  private readonly pools: Record<Pool, string[]>[] = [emptyPools(), emptyPools()];
  private readonly kept = new Set<string>();

  constructor(readonly webhookSecret: string) {
    this.secrets.add(webhookSecret);
  }

  add(tenant: TenantIndex, pool: Pool, value: string): void {
    const list = this.pools[tenant]![pool];
    if (list.includes(value)) return;
    list.push(value);
    if (list.length > POOL_MAX) {
      const at = list.findIndex((old) => !this.kept.has(`${tenant} ${pool} ${old}`));
      list.splice(at, 1);
    }
  }

  /** For good: newer ones do not put it out. */
  keep(tenant: TenantIndex, pool: Pool, ...values: readonly string[]): void {
    for (const value of values) {
      this.kept.add(`${tenant} ${pool} ${value}`);
      this.add(tenant, pool, value);
    }
  }

  pick(tenant: TenantIndex, pool: string, pick: number): string {
    if (pool === 'key') return this.tenants[tenant]?.keys[pick] ?? 'none';
    if (pool === 'tenant') return this.tenants[pick % 2]?.id ?? 'none';
    const list = this.pools[tenant]![pool as Pool];
    return list.length === 0 ? `none-${pick}` : list[pick % list.length]!;
  }

  /** Takes in what an answer names. */
  harvest(tenant: TenantIndex, operation: string, document: unknown): void {
    const idPool = ID_POOLS.find(([route]) => route.test(operation))?.[1];
    const isOfKeys = operation.includes('/v1/api-keys');
    const waiting: unknown[] = [document];
    for (let seen = 0; waiting.length > 0 && seen < WALK_NODES_MAX; seen++) {
      const value = waiting.shift();
      if (typeof value !== 'object' || value === null) continue;
      for (const [name, member] of Object.entries(value)) {
        if (typeof member === 'object') waiting.push(member);
        if (typeof member !== 'string' || member === '') continue;
        const pool = name === 'id' ? idPool : MEMBER_POOLS.get(name);
        if (pool !== undefined) this.add(tenant, pool, member);
        if (isOfKeys && name === 'key') this.secrets.add(member);
      }
    }
  }
}

function emptyPools(): Record<Pool, string[]> {
  return Object.fromEntries(POOLS.map((pool) => [pool, []])) as unknown as Record<Pool, string[]>;
}
