import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { behindClosedGate, enterGate } from '../../database/gate.js';
import { withinTenant } from '../../database/tenant-scope.js';
import { timeOfDay } from '../../database/time-of-day.js';
import { formatInstant, MICROS_PER_MILLISECOND, MICROS_PER_SECOND } from '../../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from '../../stripe/stripe-account.js';
import { recordFinding, type OwnedPlace, type PlaceFinding } from './finding.store.js';
import type { Finding } from './forgotten-deltas.js';
import { PlaceFinder } from './place-finder.js';
import { beginRestoration, finishRestoration, isSending, tenantsOf } from './restoration.store.js';

/** Between two looks at whether something has passed. */
const POLL_MS = 250;
/** Whatever is still found then is no lag: somebody pushes there. */
const PASSES_MAX = 20;

/** What was found of one push that was made after the backup, or not known of any more. */
export interface FoundPush {
  readonly tenant: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly stripe_customer_id: string;
  /** `settled`: we hold it, as not sent or not known; `restored`: we know nothing of it. */
  readonly how: 'settled' | 'restored';
  readonly timestamp: string;
  readonly value: string;
}

/** A place that could not be read, so that it is not known what it got. */
export interface UnreadPlace {
  readonly tenant: string;
  readonly customer_id: string | null;
  readonly meter: string | null;
  readonly why: string;
  /** What is gone at Stripe gets no pushes either: pushes may go on without it. */
  readonly is_gone: boolean;
}

export interface RestorationReport {
  readonly dry_run: boolean;
  /** Whether pushes go again. */
  readonly finished: boolean;
  readonly passes: number;
  readonly places: number;
  readonly found: readonly FoundPush[];
  readonly unread: readonly UnreadPlace[];
  /** Hours that hold another thing than our pushes come to, and no push of its own: reconcile. */
  readonly unexplained: readonly {
    customer_id: string;
    meter: string;
    hour: string;
    value: string;
  }[];
}

export interface RestorationRequest {
  readonly dryRun: boolean;
  /** Ends also where places could not be read. */
  readonly acceptsUnread: boolean;
  readonly isStopping: () => boolean;
}

interface Pass {
  places: number;
  readonly found: FoundPush[];
  readonly unread: UnreadPlace[];
  readonly unexplained: { customer_id: string; meter: string; hour: string; value: string }[];
}

/**
 * After a database was restored: what Stripe has got that the backup does not know of becomes known,
 * so that it is not pushed again. Nothing is pushed from its beginning to its end. What was written
 * down before it was cut off stands, and is not found a second time.
 */
@Injectable()
export class RestorationService {
  private readonly logger = new Logger(RestorationService.name);

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly finder: PlaceFinder,
  ) {}

  /**
   * Reads everything, and again READBACK_STABLE_SECONDS later, until nothing new is found: Stripe
   * may show what it has got only after a while.
   */
  async restore(request: RestorationRequest): Promise<RestorationReport> {
    const { dryRun, isStopping } = request;
    if (dryRun) return report(request, [await this.pass(true, isStopping)], false);
    await this.begin(isStopping);
    const stableFor = this.config.READBACK_STABLE_SECONDS * MICROS_PER_SECOND;
    const passes: Pass[] = [];
    for (;;) {
      if (isStopping() || passes.length === PASSES_MAX) return report(request, passes, false);
      const startedAt = await timeOfDay(this.db.work);
      const pass = await this.pass(false, isStopping);
      passes.push(pass);
      const isSettled = passes.length > 1 && pass.found.length === 0;
      if (isSettled && !isStopping()) break;
      await this.waitUntil(startedAt + stableFor, isStopping);
    }
    const isWhole = request.acceptsUnread || passes.at(-1)!.unread.every((place) => place.is_gone);
    if (isWhole) {
      const outcome = { passes: passes.length, accepts_unread: request.acceptsUnread };
      await this.db.work.transaction(async (tx) =>
        finishRestoration(tx, await timeOfDay(tx), outcome),
      );
    }
    return report(request, passes, isWhole);
  }

  /** Passes through every gate: whoever planned or claimed has ended, and whoever comes sees it. */
  private async begin(isStopping: () => boolean): Promise<void> {
    await this.db.work.transaction(async (tx) => beginRestoration(tx, await timeOfDay(tx)));
    for (const { tenantId } of await tenantsOf(this.db.work)) {
      await withinTenant(tenantId, () =>
        behindClosedGate(this.db.work, tenantId, async () => undefined),
      );
    }
    while (!isStopping() && (await isSending(this.db.work))) await sleep(POLL_MS);
  }

  private async pass(dryRun: boolean, isStopping: () => boolean): Promise<Pass> {
    const pass: Pass = { places: 0, found: [], unread: [], unexplained: [] };
    for (const tenant of await tenantsOf(this.db.work)) {
      const { tenantId } = tenant;
      try {
        const { account, places, outOfReach } = await withinTenant(tenantId, () =>
          this.finder.placesOf(tenantId),
        );
        for (const { owner, accountId, livemode } of outOfReach) {
          const mode = livemode ? 'live' : 'test';
          const why = `the tenant has no key of ${accountId} in ${mode} mode`;
          pass.unread.push(unreadOf(tenant.name, owner, why));
        }
        for (const place of places) {
          if (isStopping()) return pass;
          pass.places += 1;
          await withinTenant(tenantId, () => this.readPlace(tenant, account!, place, dryRun, pass));
        }
      } catch (error) {
        if (!(error instanceof StripeUnavailable)) throw error;
        pass.unread.push(unreadOf(tenant.name, undefined, error.message));
      }
    }
    return pass;
  }

  private async readPlace(
    tenant: { tenantId: string; name: string },
    account: StripeAccount,
    place: OwnedPlace,
    dryRun: boolean,
    pass: Pass,
  ): Promise<void> {
    const { tenantId, name } = tenant;
    const { owner } = place;
    try {
      const finding = await this.finder.find(tenantId, account, place);
      const isKept = dryRun || (await this.record(tenantId, place, finding));
      pass.found.push(...foundOf(name, place, finding));
      if (!isKept) this.logger.warn('another process restores as well; it is read again');
      for (const { hour, value } of finding.unexplained) {
        const { customerId: customer_id, meterKey: meter } = owner;
        pass.unexplained.push({ customer_id, meter, hour: formatInstant(hour), value });
      }
    } catch (error) {
      if (!(error instanceof StripeUnavailable)) throw error;
      pass.unread.push({ ...unreadOf(name, owner, error.message), is_gone: error.isMissing });
    }
  }

  /** @returns Nothing written where another process was faster: the next pass sees what it wrote. */
  private async record(
    tenantId: string,
    place: OwnedPlace,
    finding: PlaceFinding,
  ): Promise<boolean> {
    if (finding.arrived.length + finding.forgotten.length === 0) return true;
    return this.db.work.transaction(async (tx) => {
      const { receivedAt } = await enterGate(tx, tenantId);
      return recordFinding(tx, tenantId, place, finding, receivedAt);
    });
  }

  private async waitUntil(instant: number, isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      const rest = (instant - (await timeOfDay(this.db.work))) / MICROS_PER_MILLISECOND;
      if (rest <= 0) return;
      await sleep(Math.min(rest, 4 * POLL_MS));
    }
  }
}

function foundOf(tenant: string, place: OwnedPlace, finding: Finding): FoundPush[] {
  const { customerId: customer_id, meterKey: meter } = place.owner;
  const of = { tenant, customer_id, meter, stripe_customer_id: place.stripeCustomerId };
  const shown = (how: FoundPush['how'], timestamp: number, value: string): FoundPush => ({
    ...of,
    how,
    timestamp: formatInstant(timestamp),
    value,
  });
  return [
    ...finding.arrived.map(({ timestamp, value }) => shown('settled', timestamp, value)),
    ...finding.forgotten.map(({ timestamp, value }) => shown('restored', timestamp, value)),
  ];
}

function unreadOf(
  tenant: string,
  owner: { customerId: string; meterKey: string } | undefined,
  why: string,
): UnreadPlace {
  const { customerId: customer_id = null, meterKey: meter = null } = owner ?? {};
  return { tenant, customer_id, meter, why, is_gone: false };
}

function report(
  { dryRun }: RestorationRequest,
  passes: readonly Pass[],
  finished: boolean,
): RestorationReport {
  const last = passes.at(-1);
  return {
    dry_run: dryRun,
    finished,
    passes: passes.length,
    places: last?.places ?? 0,
    found: passes.flatMap(({ found }) => found),
    unread: last?.unread ?? [],
    unexplained: last?.unexplained ?? [],
  };
}
