import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/instant.js';
import {
  holdIdentifier,
  pushIdentifier,
  type PushOrigin,
} from '../../src/domain/push-identifier.js';

interface Vector {
  readonly name: string;
  readonly installation_id: string;
  readonly tenant_id: string;
  readonly account_id: string;
  readonly livemode: boolean;
  readonly stripe_meter_id: string;
  readonly stripe_customer_id: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly period_start: string;
  readonly sequence: number;
  readonly identifier: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/push-identifiers.json', import.meta.url), 'utf8'),
) as { push_identifiers: Vector[] };

function originOf(vector: Vector): PushOrigin {
  return {
    installationId: vector.installation_id,
    tenantId: vector.tenant_id,
    accountId: vector.account_id,
    livemode: vector.livemode,
    stripeMeterId: vector.stripe_meter_id,
    stripeCustomerId: vector.stripe_customer_id,
    customerId: vector.customer_id,
    erasuresBefore: 0,
    meterKey: vector.meter,
    periodStart: parseInstant(vector.period_start)!,
    sequence: vector.sequence,
  };
}

/** Texts that run into each other where a separator joins them. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\\', 'é'), maxLength: 5 });
const origin: fc.Arbitrary<PushOrigin> = fc.record({
  installationId: text,
  tenantId: text,
  accountId: text,
  livemode: fc.boolean(),
  stripeMeterId: text,
  stripeCustomerId: text,
  customerId: text,
  erasuresBefore: fc.nat({ max: 3 }),
  meterKey: text,
  periodStart: fc.integer({ min: 0, max: 3_000_000_000_000_000 }),
  sequence: fc.integer({ min: 1, max: 1_000_000 }),
});

describe('a push identifier', () => {
  it.each(vectors.push_identifiers)('is kept for $name', (vector) => {
    expect(pushIdentifier(originOf(vector))).toBe(vector.identifier);
  });

  it('is of characters and of a length that Stripe takes', () => {
    fc.assert(
      fc.property(origin, (of) => {
        expect(pushIdentifier(of)).toMatch(/^co1_[A-Za-z0-9_-]{43}$/);
      }),
    );
  });

  it('differs as soon as one part of its origin does', () => {
    fc.assert(
      fc.property(origin, origin, fc.constantFrom(...PARTS), (of, other, part) => {
        fc.pre(of[part] !== other[part]);
        expect(pushIdentifier({ ...of, [part]: other[part] })).not.toBe(pushIdentifier(of));
      }),
    );
  });
});

describe('the identifier of a hold', () => {
  it('is kept', () => {
    // Worked out by another language's library from the definition.
    const of = {
      installationId: 'i',
      tenantId: 't',
      customerId: 'c',
      erasuresBefore: 0,
      meterKey: 'm',
      periodStart: parseInstant('2026-11-01T00:00:00Z')!,
    };
    expect(holdIdentifier(of, 'too_old')).toBe('co1_WSB4PJVG3pzHJz5pvtEIgkm_JpGsM74ztmMPCC7XpY4');
  });

  it('differs by reason, and is never that of a push', () => {
    fc.assert(
      fc.property(origin, (of) => {
        const tooOld = holdIdentifier(of, 'too_old');
        expect(tooOld).not.toBe(holdIdentifier(of, 'meter_unmapped'));
        expect(tooOld).not.toBe(pushIdentifier(of));
      }),
    );
  });
});

const PARTS = [
  'installationId',
  'tenantId',
  'accountId',
  'livemode',
  'stripeMeterId',
  'stripeCustomerId',
  'customerId',
  'erasuresBefore',
  'meterKey',
  'periodStart',
  'sequence',
] as const;
