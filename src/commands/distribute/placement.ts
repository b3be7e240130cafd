/**
 * Where the rows of a table are on Citus: `distributed` by tenant over the workers, `reference` whole on
 * every node, `local` on the coordinator alone.
 */
export type Placement = 'distributed' | 'reference' | 'local';

/** Tables without a tenant that statements join with those that have one. */
const REFERENCES: ReadonlySet<string> = new Set(['installation', 'retained_month']);

export function placementOf(table: string, hasTenant: boolean): Placement {
  if (hasTenant) return 'distributed';
  return REFERENCES.has(table) ? 'reference' : 'local';
}

/** What takes the place of a unique key that the tenant is not in, which Citus refuses. */
export interface KeyInPlace {
  readonly name: string;
  /** Of a name that is free while the old one is there. */
  readonly sql: string;
  /** What is not kept any more. */
  readonly lost: string;
}

export const KEYS_IN_PLACE: readonly KeyInPlace[] = [
  {
    name: 'api_key_key_hash_key',
    sql: 'CREATE INDEX IF NOT EXISTS api_key_key_hash_idx ON public.api_key (key_hash)',
    lost: 'that no two tenants have one API key; keys that Countonce makes are random',
  },
  {
    name: 'tenant_name_key',
    sql: 'CREATE INDEX IF NOT EXISTS tenant_name_idx ON public.tenant (name)',
    lost: 'that tenants have names of their own, against whoever writes past Countonce',
  },
  {
    name: 'tenant_tenant_no_key',
    sql: 'CREATE INDEX IF NOT EXISTS tenant_tenant_no_idx ON public.tenant (tenant_no)',
    lost: 'that tenants have numbers of their own, beyond what their sequence keeps',
  },
  {
    name: 'push_in_flight_key',
    sql: `CREATE UNIQUE INDEX push_in_flight_key ON public.push
            (tenant_id, account_id, livemode, stripe_customer_id, event_name)
      WHERE status = 'sending'`,
    lost: 'that two tenants with one Stripe account do not call it for one customer and event at once',
  },
];

/** Functions of ours that statements on distributed tables call, so that workers need them. */
export const FUNCTIONS_ON_WORKERS: Readonly<Record<string, undefined>> = {
  'public.entry_hash(uuid, text, timestamptz, numeric, boolean)': undefined,
  'public.entry_digest(uuid, text, timestamptz, numeric, boolean)': undefined,
  'public.erased_text(text, bytea)': undefined,
  'public.erased_dimensions(text, bytea)': undefined,
  'public.has_texts(text)': undefined,
};

/**
 * Those that need the tables there, with the argument that says whose node they run on, if they do: from
 * the coordinator a statement goes to a shard as the role at work, whatever the rights of a function.
 */
export const FUNCTIONS_BESIDE_TABLES: Readonly<Record<string, string | undefined>> = {
  'public.running_erasure(uuid, bigint)': undefined,
  'public.erase_usage_texts(uuid, bigint, uuid[])': 'erasing_tenant',
  'public.erase_push_reasons(uuid, bigint, text[])': 'erasing_tenant',
  'public.erase_audit_texts(uuid, bigint, bigint[])': 'erasing_tenant',
};

/** Foreign keys that are checked when the transaction commits, and not after each statement. */
export const CHECKED_AT_COMMIT: ReadonlySet<string> = new Set(['push_transition_fkey']);
