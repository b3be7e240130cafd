import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { readGate } from '../../database/gate.js';
import { MICROS_PER_HOUR } from '../../domain/instant.js';
import type { StripeAccount } from '../../stripe/stripe-account.js';
import { StripeAccounts } from '../../stripe/stripe-accounts.js';
import { StripeMeters } from '../../stripe/stripe-meters.js';
import { StripeSummaries } from '../../stripe/stripe-summaries.js';
import { pushesBetween } from '../lane.store.js';
import { MinuteReads } from '../minute-reads.js';
import { periodsAt, stateOf, type OwnedPlace, type PlaceFinding } from './finding.store.js';
import { findDeltas, type Finding } from './forgotten-deltas.js';
import { findTotal } from './forgotten-totals.js';
import { lanePlaces, mappedPairs } from './place.store.js';

/** Where usage of a tenant may have gone. */
export interface TenantPlaces {
  readonly account: StripeAccount | undefined;
  readonly places: readonly OwnedPlace[];
  /** Of another account or mode than the tenant's key. */
  readonly outOfReach: readonly OwnedPlace[];
}

/** Finds what Stripe has got that this database does not know of. */
@Injectable()
export class PlaceFinder {
  constructor(
    private readonly db: Database,
    private readonly accounts: StripeAccounts,
    private readonly stripeMeters: StripeMeters,
    private readonly summaries: StripeSummaries,
  ) {}

  /**
   * As they are mapped, pushed to before or not, and as they were known to be.
   *
   * @throws StripeUnavailable
   */
  async placesOf(tenantId: string): Promise<TenantPlaces> {
    const account = await this.accounts.of(tenantId);
    const all = new Map<string, OwnedPlace>();
    for (const { eventName, customerKey, valueKey, formula, ...of } of await lanePlaces(
      this.db.work,
      tenantId,
    )) {
      const form = { eventName, customerKey, valueKey, formula };
      all.set(nameOf(of), { ...of, owner: of, form });
    }
    if (account !== undefined) {
      for (const place of await this.mapped(tenantId, account)) all.set(nameOf(place), place);
    }
    const isReached = ({ accountId, livemode }: OwnedPlace): boolean =>
      accountId === account?.accountId && livemode === account.livemode;
    const places = [...all.values()];
    return {
      account,
      places: places.filter(isReached),
      outOfReach: places.filter((place) => !isReached(place)),
    };
  }

  /** @throws StripeUnavailable */
  async find(tenantId: string, account: StripeAccount, place: OwnedPlace): Promise<PlaceFinding> {
    const { now } = await readGate(this.db.work, tenantId);
    const from = Math.floor(place.owner.from / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const to = Math.ceil(now / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const pushes = await pushesBetween(this.db.work, tenantId, place, from, to);
    const reads = new MinuteReads(this.summaries, account, place, 'settle');
    const seen = { from, to, state: stateOf(pushes) };
    if (place.form.formula !== 'last') {
      return { ...(await findDeltas(pushes, reads, { from, to })), seen };
    }
    const shown = await reads.hours(from, to);
    const instants = [...shown.keys()].flatMap((hour) => [hour, hour + MICROS_PER_HOUR - 1]);
    const periods = await periodsAt(this.db.work, tenantId, place.owner, instants);
    const findings: Finding[] = [];
    for (const period of new Map(periods.map((of) => [of.start, of])).values()) {
      findings.push(await findTotal(period, pushes, shown, reads, now));
    }
    return {
      arrived: findings.flatMap(({ arrived }) => arrived),
      forgotten: findings.flatMap(({ forgotten }) => forgotten),
      unexplained: findings.flatMap(({ unexplained }) => unexplained),
      seen,
    };
  }

  private async mapped(tenantId: string, account: StripeAccount): Promise<OwnedPlace[]> {
    const { accountId, livemode } = account;
    const pairs = await mappedPairs(this.db.work, tenantId);
    const places: OwnedPlace[] = [];
    for (const { stripeCustomerId, eventName, ...owner } of pairs) {
      const meter = await this.stripeMeters.find(tenantId, account, eventName);
      if (meter === undefined) continue;
      const { stripeMeterId, customerKey, valueKey, formula } = meter;
      const form = { eventName, customerKey, valueKey, formula };
      places.push({ accountId, livemode, stripeMeterId, stripeCustomerId, owner, form });
    }
    return places;
  }
}

function nameOf({
  accountId,
  livemode,
  stripeMeterId,
  stripeCustomerId,
}: Omit<OwnedPlace, 'owner' | 'form'>): string {
  return `${accountId} ${livemode} ${stripeMeterId} ${stripeCustomerId}`;
}
