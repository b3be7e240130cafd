/** Which of the two tenants sends. */
export type TenantIndex = 0 | 1;

/** How the bytes of a body differ from its text. */
export type Coding =
  | 'plain'
  | 'gzip'
  | 'gzip-cut'
  | 'gzip-bomb'
  | 'gzip-twice'
  | 'gzip-named-only'
  | 'deflate'
  | 'br'
  | 'latin1'
  | 'utf16';

export interface BodyPlan {
  /** May hold tokens, see {@link token}. */
  readonly text: string;
  readonly coding: Coding;
}

/** A request as it is drawn, before it is known which ids there are. */
export interface HttpPlan {
  readonly kind: 'http';
  /** As the OpenAPI document calls it: `POST /v1/voids`. */
  readonly operation: string;
  readonly tenant: TenantIndex;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyPlan | undefined;
}

/** Bytes that go over a socket as they are. */
export interface RawPlan {
  readonly kind: 'raw';
  readonly what: string;
  readonly tenant: TenantIndex;
  /** A character a byte. */
  readonly text: string;
  /** Hangs up after the last byte, and waits for no answer. */
  readonly hangsUp: boolean;
  /** Sends a byte, waits, and so on. */
  readonly drips: boolean;
}

export type Plan = HttpPlan | RawPlan;

/** What is known to be there, by kind; a plan names one of them by number. */
export const POOLS = [
  'customer',
  'meter',
  'own_meter',
  'event',
  'sent',
  'period',
  'push',
  'quarantine',
  'void',
  'close',
  'replay',
  'reconciliation',
  'api_key',
  'stripe_event',
  'cursor',
  'stripe_customer',
  'stripe_event_name',
  'tenant',
  'code',
] as const;
export type Pool = (typeof POOLS)[number];

/** Stands for a thing of a pool until the request is sent. */
export function token(pool: Pool | 'key' | 'signature', pick: number): string {
  return `⟦${pool}:${pick}⟧`;
}

const TOKEN = /⟦(\w+):(\d+)⟧/g;

export function replaceTokens(
  text: string,
  replace: (pool: string, pick: number) => string,
): string {
  return text.replaceAll(TOKEN, (_, pool: string, pick: string) => replace(pool, Number(pick)));
}
