import { createHmac } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { replaceTokens, type BodyPlan, type Coding, type HttpPlan, type RawPlan } from '../plan.js';
import { encoded } from '../generate/paths.js';
import type { World } from '../world.js';

/** A request as it goes out. */
export interface Wire {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** What the service is to read of the body, where it is to read anything. */
  readonly text: string | undefined;
}

const BOMB_BYTES = 64 * 1_024 * 1_024;
let bomb: Buffer | undefined;

/** Puts in what is there at this moment. */
export function toWire(plan: HttpPlan, world: World, nowSeconds: number): Wire {
  const { tenant } = plan;
  const named = (pool: string, pick: number): string => world.pick(tenant, pool, pick);
  const path = replaceTokens(plan.path, (pool, pick) => encoded(named(pool, pick)));
  const text =
    plan.body === undefined ? undefined : inBody(plan.body, (pool, pick) => named(pool, pick));
  const body = text === undefined ? undefined : toBytes(text, plan.body!.coding);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(plan.headers)) {
    headers[name] = replaceTokens(value, (pool, pick) =>
      pool === 'signature'
        ? signature(body, world.webhookSecret, pick, nowSeconds)
        : named(pool, pick),
    );
  }
  if (plan.body !== undefined) {
    const coding = CONTENT_CODINGS[plan.body.coding];
    if (coding !== undefined) headers['content-encoding'] = coding;
  }
  return { method: plan.method, path, headers, body, text: readable(text, plan.body) };
}

export function toRawBytes(plan: RawPlan, world: World): Buffer {
  return Buffer.from(
    replaceTokens(plan.text, (pool, pick) => world.pick(plan.tenant, pool, pick)),
    'latin1',
  );
}

/** A text that another was sent as before goes in as it is; names go in as JSON has them. */
function inBody({ text }: BodyPlan, named: (pool: string, pick: number) => string): string {
  return replaceTokens(text, (pool, pick) => {
    const value = named(pool, pick);
    if (pool !== 'sent') return JSON.stringify(value).slice(1, -1);
    return value.startsWith('{') ? value : '{}';
  });
}

const CONTENT_CODINGS: Readonly<Partial<Record<Coding, string>>> = {
  gzip: 'gzip',
  'gzip-cut': 'gzip',
  'gzip-bomb': 'gzip',
  'gzip-twice': 'gzip, gzip',
  'gzip-named-only': 'gzip',
  deflate: 'deflate',
  br: 'br',
};

function toBytes(text: string, coding: Coding): Buffer {
  switch (coding) {
    case 'plain':
    case 'gzip-named-only':
      return Buffer.from(text);
    case 'gzip':
      return gzipSync(text);
    case 'gzip-cut': {
      const whole = gzipSync(text);
      return whole.subarray(0, whole.length >> 1);
    }
    case 'gzip-bomb':
      bomb ??= gzipSync(Buffer.alloc(BOMB_BYTES, ' '));
      return bomb;
    case 'gzip-twice':
      return gzipSync(gzipSync(text));
    case 'deflate':
      return deflateSync(text);
    case 'br':
      return brotliCompressSync(text);
    case 'latin1':
      return Buffer.from(text, 'latin1');
    case 'utf16':
      return Buffer.from(text, 'utf16le');
  }
}

function readable(text: string | undefined, body: BodyPlan | undefined): string | undefined {
  if (text === undefined || body === undefined) return undefined;
  const { coding } = body;
  if (coding === 'plain' || coding === 'gzip' || coding === 'gzip-cut') return text;
  return coding === 'latin1' ? Buffer.from(text, 'latin1').toString() : undefined;
}

/** As Stripe signs; by another secret, or too long ago, where it is to be refused. */
function signature(
  body: Buffer | undefined,
  secret: string,
  kind: number,
  nowSeconds: number,
): string {
  const at = kind === 2 ? nowSeconds - 86_400 : nowSeconds;
  const key = kind === 1 ? 'whsec_another' : secret;
  const hex = createHmac('sha256', key)
    .update(`${at}.`)
    .update(body ?? '')
    .digest('hex');
  return `t=${at},v1=${hex}`;
}
