import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, type GateState } from '../database/gate.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { Meter } from '../domain/meter.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { StripeMeters, type MeterCheck } from '../stripe/stripe-meters.js';
import { hasOpenDeliveries, hasUsage } from './meter-in-use.store.js';
import {
  changedMeaning,
  changedSettings,
  isSameSettings,
  type MeterChange,
} from './meter-settings.js';
import {
  insertMeter,
  insertSettings,
  meterByKey,
  metersAfter,
  metersOf,
  type MeterSettings,
  type StoredMeter,
} from './meter.store.js';
import { fromMeter } from './meter.answer.js';
import { toMeterChange, type PutMeterDto } from './meter.dto.js';

const KEY = /^[a-z][a-z0-9_]{0,63}$/;

export interface PutMeter {
  readonly meter: StoredMeter;
  readonly created: boolean;
  /** Where the meter has a `stripe_event_name`. */
  readonly stripe: MeterCheck | undefined;
}

@Injectable()
export class MeterService {
  constructor(
    private readonly db: Database,
    private readonly stripeMeters: StripeMeters,
  ) {}

  /** Makes a meter or gives it another version of its settings; the same again makes none. */
  async put(tenantId: string, key: string, dto: PutMeterDto): Promise<PutMeter> {
    if (!KEY.test(key)) throw invalidKey();
    const change = toMeterChange(dto);
    const current = await meterByKey(this.db.work, tenantId, key);
    const isSame =
      current !== undefined && isSameSettings(current, changedSettings(key, current, change));
    const created =
      !isSame &&
      (await behindClosedGate(this.db.work, tenantId, (tx, gate) =>
        changeMeter(tx, tenantId, key, change, { from: dto.from ?? null, gate }),
      ));
    const meter = await this.get(tenantId, key);
    return {
      meter,
      created,
      stripe: await this.check(tenantId, meter.stripeEventName),
    };
  }

  async get(tenantId: string, key: string): Promise<StoredMeter> {
    const meter = KEY.test(key) ? await meterByKey(this.db.work, tenantId, key) : undefined;
    if (meter === undefined) throw new Problem('meter_not_found', `no meter has the key ${key}`);
    return meter;
  }

  async list(tenantId: string, page: PageRequest): Promise<Page<StoredMeter>> {
    const meters = await metersAfter(this.db.work, tenantId, page.after?.[0] ?? '', page.limit + 1);
    return toPage(meters, page, (meter) => [meter.key]);
  }

  /** An archived meter counts nothing any more; what it counted stays, and so does its key. */
  async archive(tenantId: string, key: string): Promise<void> {
    if ((await this.get(tenantId, key)).archived) return;
    await behindClosedGate(this.db.work, tenantId, async (tx) => {
      const meter = await meterByKey(tx, tenantId, key);
      if (meter === undefined || meter.archived) return;
      const settings = { ...meter, archived: true };
      await insertSettings(tx, tenantId, meter.meterNo, meter.version + 1, settings);
      await auditMeter(tx, tenantId, 'meter.archived', meter);
    });
  }

  /** Never inside a transaction, and never a reason to fail: the meter is there either way. */
  private async check(tenantId: string, eventName: string | null): Promise<MeterCheck | undefined> {
    if (eventName === null) return undefined;
    try {
      return await this.stripeMeters.check(tenantId, eventName);
    } catch {
      return { problem: 'stripe_unavailable' };
    }
  }
}

/**
 * Behind the closed gate; reads the meter again, for it may have changed since.
 *
 * @returns Whether it was made.
 */
async function changeMeter(
  tx: Transaction,
  tenantId: string,
  key: string,
  change: MeterChange,
  { from, gate }: { readonly from: MappingChange | null; readonly gate: GateState },
): Promise<boolean> {
  const current = await meterByKey(tx, tenantId, key);
  const next = changedSettings(key, current, change);
  await refuseSharedEventName(tx, tenantId, key, next);
  if (current === undefined) {
    const meterNo = await insertMeter(tx, tenantId, key);
    const unmapped = { mappingFrom: null, mappingVersion: 0 };
    await insertSettings(tx, tenantId, meterNo, 1, { ...next, ...unmapped });
    await auditMeter(tx, tenantId, 'meter.created', { key });
    return true;
  }
  if (isSameSettings(current, next)) return false;
  await refuseChangeInUse(tx, tenantId, current, next);
  const isRemapped = current.stripeEventName !== next.stripeEventName;
  if (isRemapped && from === null) await refuseRemapping(tx, tenantId, current);
  const mapping = isRemapped ? { mappingFrom: from, mappingVersion: gate.gateVersion } : current;
  const { mappingFrom, mappingVersion } = mapping;
  const settings = { ...next, mappingFrom, mappingVersion };
  await insertSettings(tx, tenantId, current.meterNo, current.version + 1, settings);
  await auditMeter(tx, tenantId, 'meter.changed', current);
  return false;
}

/** @param before Its key alone where it is made. */
async function auditMeter(
  tx: Transaction,
  tenantId: string,
  action: 'meter.created' | 'meter.changed' | 'meter.archived',
  before: StoredMeter | Pick<StoredMeter, 'key'>,
): Promise<void> {
  const { key } = before;
  const after = await meterByKey(tx, tenantId, key);
  await audit(tx, tenantId, {
    action,
    subject: `meter:${key}`,
    before: 'version' in before ? told(before) : null,
    after: told(after!),
  });
}

function told(meter: StoredMeter): object {
  return { ...fromMeter(meter), from: meter.mappingFrom };
}

async function refuseSharedEventName(
  tx: Transaction,
  tenantId: string,
  key: string,
  { stripeEventName }: MeterSettings,
): Promise<void> {
  if (stripeEventName === null) return;
  const owner = (await metersOf(tx, tenantId)).find(
    (meter) => meter.stripeEventName === stripeEventName && meter.key !== key && !meter.archived,
  );
  if (owner === undefined) return;
  throw new Problem(
    'stripe_event_name_in_use',
    `the meter ${owner.key} has the stripe_event_name ${stripeEventName}`,
  );
}

async function refuseChangeInUse(
  tx: Transaction,
  tenantId: string,
  current: Meter,
  next: MeterSettings,
): Promise<void> {
  const fields = changedMeaning(current, next);
  const isWholly = ({ push, pushFrom }: MeterSettings): boolean =>
    push === 'live' && pushFrom === null;
  const opensAll = isWholly(next) && !isWholly(current);
  if ((fields.length === 0 && !opensAll) || !(await hasUsage(tx, tenantId, current.meterNo))) {
    return;
  }
  if (fields.length > 0) {
    const detail = `the meter ${current.key} has usage: ${fields.join(', ')} cannot change`;
    throw new Problem('meter_in_use', detail, { extensions: { fields } });
  }
  throw new Problem(
    'push_from_required',
    `the meter ${current.key} has usage: say from when on it is pushed`,
  );
}

async function refuseRemapping(tx: Transaction, tenantId: string, current: Meter): Promise<void> {
  if (!(await hasOpenDeliveries(tx, tenantId, current.meterNo))) return;
  throw new Problem(
    'mapping_in_use',
    `usage of open periods was pushed to ${current.stripeEventName}: send "from"`,
  );
}

function invalidKey(): Problem {
  const detail = `the key of a meter matches ${KEY.source}`;
  return new ValidationProblem([{ pointer: '/key', code: 'invalid', detail }]);
}
