import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import type { CustomerChange } from '../../src/customers/customer-change.js';
import type { CustomerRecord } from '../../src/customers/customer-record.store.js';
import { createCustomers, customersByIdentity } from '../../src/customers/customer.store.js';
import { latestSchedule } from '../../src/customers/schedule-timeline.js';
import { DEFAULT_SCHEDULE, type Schedule } from '../../src/domain/billing-period.js';
import { formatInstantMicros } from '../../src/domain/instant.js';
import { CustomerService } from '../../src/periods/customer.service.js';
import { recordDelivery, recordPeriod } from '../support/rows.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

interface Customers extends TestTenant {
  readonly customers: CustomerService;
  put(customerId: string, change?: Omit<CustomerChange, 'customerId'>): Promise<CustomerRecord>;
}

async function createCustomerTest(): Promise<Customers> {
  const test = await createTestTenant();
  const customers = new CustomerService(test.db, loadConfig({}));
  return {
    ...test,
    customers,
    put: async (customerId, change = {}) =>
      (await customers.put(test.tenantId, { customerId, ...change })).customer,
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

async function numberOf(test: TestTenant, identity: string): Promise<number | undefined> {
  const known = await customersByIdentity(test.db.work, test.tenantId, [identity]);
  return known.get(identity)?.customerNo;
}

describe('a customer', () => {
  it('is made and read by its id and its aliases', async () => {
    await using test = await createCustomerTest();

    const { customer, created } = await test.customers.put(test.tenantId, {
      customerId: 'acme',
      name: 'Acme',
      aliases: ['b', 'a', 'acme', 'a'],
      stripeCustomerId: 'cus_1',
      push: 'shadow',
    });

    expect(created).toBe(true);
    expect(customer).toMatchObject({
      customerId: 'acme',
      name: 'Acme',
      aliases: ['a', 'b'],
      stripeCustomerId: 'cus_1',
      push: 'shadow',
    });
    for (const identity of ['acme', 'a', 'b']) {
      expect(await numberOf(test, identity)).toBe(customer.customerNo);
      expect(await test.customers.get(test.tenantId, identity)).toEqual(customer);
    }
    await expect(test.customers.get(test.tenantId, 'c')).rejects.toMatchObject({
      code: 'customer_not_found',
    });
    await expect(test.customers.get(test.tenantId, 'a\0')).rejects.toMatchObject({ status: 404 });
  });

  it('keeps what a change does not name, and clears what it sets to null', async () => {
    await using test = await createCustomerTest();
    await test.put('acme', {
      name: 'Acme',
      aliases: ['a'],
      stripeCustomerId: 'cus_1',
      push: 'off',
    });

    expect(await test.put('acme', { name: null, stripeCustomerId: null })).toMatchObject({
      name: null,
      aliases: ['a'],
      stripeCustomerId: null,
      push: 'off',
    });
    expect(await test.put('acme', { aliases: null, push: null })).toMatchObject({
      aliases: [],
      push: null,
    });
    expect(await numberOf(test, 'a')).toBeUndefined();
  });

  it('that usage made first is the same one', async () => {
    await using test = await createCustomerTest();
    const numbers = await test.db.recording.transaction((tx) =>
      createCustomers(tx, test.tenantId, ['acme']),
    );

    const { customer, created } = await test.customers.put(test.tenantId, {
      customerId: 'acme',
      aliases: ['a'],
    });

    expect(created).toBe(false);
    expect(customer.customerNo).toBe(numbers.get('acme'));
  });

  it('that does not change raises no version of the gate', async () => {
    await using test = await createCustomerTest();
    const change = { name: 'Acme', aliases: ['b', 'a'], schedule: DEFAULT_SCHEDULE };
    await test.put('acme', change);
    const version = await test.gateVersion();

    await test.put('acme', change);
    await test.put('acme', { aliases: ['a', 'b', 'acme'], schedule: null });
    expect(await test.gateVersion()).toBe(version);

    await test.put('acme', { aliases: ['a'] });
    expect(await test.gateVersion()).toBe(version + 1);
  });

  it('gives up an alias that another may then take', async () => {
    await using test = await createCustomerTest();
    await test.put('one', { aliases: ['a', 'b'] });
    await test.put('one', { aliases: ['b', 'c'] });

    const other = await test.put('two', { aliases: ['a'] });

    expect(await numberOf(test, 'a')).toBe(other.customerNo);
  });
});

describe('an identity', () => {
  it.each([
    ['the alias of another', 'two', { aliases: ['a'] }, 'a'],
    ['the id of another', 'two', { aliases: ['one'] }, 'one'],
    ['an id that is the alias of another', 'a', {}, 'a'],
  ])('is refused where it is taken: %s', async (_, customerId, change, identity) => {
    await using test = await createCustomerTest();
    await test.put('one', { aliases: ['a'] });

    await expect(test.put(customerId, change)).rejects.toMatchObject({
      code: 'customer_identity_in_use',
      status: 409,
      extensions: { identity, customer_id: 'one' },
    });
  });

  it('may be the same in another tenant', async () => {
    await using test = await createCustomerTest();
    const other = await test.tenants.create('other');
    await test.put('acme', { stripeCustomerId: 'cus_1' });

    const { created } = await test.customers.put(other, {
      customerId: 'acme',
      stripeCustomerId: 'cus_1',
    });
    expect(created).toBe(true);
  });
});

describe('a Stripe customer', () => {
  it('belongs to one customer', async () => {
    await using test = await createCustomerTest();
    await test.put('one', { stripeCustomerId: 'cus_1' });

    await expect(test.put('two', { stripeCustomerId: 'cus_1' })).rejects.toMatchObject({
      code: 'stripe_customer_id_in_use',
      status: 409,
    });
    await expect(test.customers.get(test.tenantId, 'two')).rejects.toMatchObject({ status: 404 });
  });

  it.each(['sending', 'unknown', 'delivered', 'confirmed', 'disputed'])(
    'changes after a push that is %s only where it is said what moves',
    async (status) => {
      await using test = await createCustomerTest();
      const { customerNo } = await test.put('one', { stripeCustomerId: 'cus_1' });
      await recordDelivery(test, { customerNo, status });

      await expect(test.put('one', { stripeCustomerId: 'cus_2' })).rejects.toMatchObject({
        code: 'mapping_in_use',
        status: 409,
      });
      expect(await test.put('one', { stripeCustomerId: 'cus_2', from: 'now' })).toMatchObject({
        stripeCustomerId: 'cus_2',
        mappingFrom: 'now',
      });
      expect(await test.put('one', { name: 'One', from: 'period_start' })).toMatchObject({
        mappingFrom: 'now',
      });
    },
  );

  it('changes freely after deliveries of a closed period', async () => {
    await using test = await createCustomerTest();
    const { customerNo } = await test.put('one', { stripeCustomerId: 'cus_1' });
    await recordDelivery(test, { customerNo, status: 'delivered', closed: true });

    expect(await test.put('one', { stripeCustomerId: 'cus_2' })).toMatchObject({
      stripeCustomerId: 'cus_2',
    });
  });
});

describe('a change of schedule', () => {
  const weeks: Schedule = { ...DEFAULT_SCHEDULE, interval: 'week' };
  const november = { start: Date.UTC(2026, 10, 1) * 1_000, end: Date.UTC(2026, 11, 1) * 1_000 };

  /** The tenant's clock reads 15 November 2026. */
  async function inNovember(test: TestTenant): Promise<void> {
    await test.db.work.query('UPDATE tenant SET clock_offset_micros = $1', [
      Date.UTC(2026, 10, 15) * 1_000 - Date.now() * 1_000,
    ]);
  }

  it('holds from the beginning where nothing was billed', async () => {
    await using test = await createCustomerTest();
    const { customerNo } = await test.put('one');
    await recordPeriod(test, { customerNo });

    const { timeline } = await test.put('one', { schedule: weeks });

    expect(timeline.segments).toEqual([{ effectiveFrom: -Infinity, schedule: weeks }]);
    const [known] = (await customersByIdentity(test.db.work, test.tenantId, ['one'])).values();
    expect(known!.timeline).toEqual(timeline);
  });

  it('holds from the end of the open period where one is closed', async () => {
    await using test = await createCustomerTest();
    await inNovember(test);
    const { customerNo } = await test.put('one');
    const october = Date.UTC(2026, 9, 1) * 1_000;
    await recordPeriod(test, { customerNo, start: october, end: november.start, closed: true });

    const { timeline } = await test.put('one', { schedule: weeks });

    expect(latestSchedule(timeline)).toEqual({ schedule: weeks, effectiveFrom: november.end });
    expect(timeline.segments).toHaveLength(2);
  });

  it('holds from the end of the open period where something was delivered', async () => {
    await using test = await createCustomerTest();
    await inNovember(test);
    const { customerNo } = await test.put('one');
    await recordDelivery(test, { customerNo, status: 'delivered' });

    const { timeline } = await test.put('one', { schedule: weeks });
    expect(latestSchedule(timeline).effectiveFrom).toBe(november.end);

    // Back again before it came to be.
    const back = await test.put('one', { schedule: null });
    expect(latestSchedule(back.timeline)).toEqual({
      schedule: DEFAULT_SCHEDULE,
      effectiveFrom: november.end,
    });
  });

  it('leaves the next period alone where that has usage already', async () => {
    await using test = await createCustomerTest();
    await inNovember(test);
    const { customerNo } = await test.put('one');
    await recordDelivery(test, { customerNo, status: 'delivered' });
    const januaryStart = Date.UTC(2027, 0, 1) * 1_000;
    await recordPeriod(test, { customerNo, start: november.end, end: januaryStart });

    const { timeline } = await test.put('one', { schedule: weeks });

    expect(latestSchedule(timeline).effectiveFrom).toBe(januaryStart);
  });

  it.each([
    ['closed_through', false, true],
    ['closed_through', true, true],
    ['clock_closed_through', false, true],
    ['clock_closed_through', true, false],
  ])(
    'counts a period as closed that %s has passed (a backfill: %s): %s',
    async (mark, backfilled, counts) => {
      await using test = await createCustomerTest();
      await inNovember(test);
      const { customerNo } = await test.put('one');
      const october = Date.UTC(2026, 9, 1) * 1_000;
      await recordPeriod(test, { customerNo, start: october, end: november.start, backfilled });
      await test.db.work.query(
        mark === 'closed_through'
          ? 'UPDATE tenant SET closed_through = $1'
          : 'UPDATE tenant SET clock_closed_through = $1',
        [formatInstantMicros(november.start)],
      );

      const { timeline } = await test.put('one', { schedule: weeks });

      expect(latestSchedule(timeline).effectiveFrom).toBe(counts ? november.end : undefined);
    },
  );

  it.each([
    [0, 0, 0, true],
    [1, 1, 0, true],
    [2, 0, 0, false],
    [0, 2, 0, false],
    [1, 1, 1, false],
  ])(
    'heeds the mark of customer %i and meter %i, %i microseconds short: %s',
    async (customer, meterNo, short, counts) => {
      await using test = await createCustomerTest();
      await inNovember(test);
      const { customerNo } = await test.put('one');
      const october = Date.UTC(2026, 9, 1) * 1_000;
      await recordPeriod(test, { customerNo, start: october, end: november.start });
      await test.db.work.query('INSERT INTO close_mark VALUES ($1, $2, $3, $4)', [
        test.tenantId,
        customer === 1 ? customerNo : customer === 0 ? 0 : customerNo + 1,
        meterNo,
        formatInstantMicros(november.start - short),
      ]);

      const { timeline } = await test.put('one', { schedule: weeks });

      expect(latestSchedule(timeline).effectiveFrom).toBe(counts ? november.end : undefined);
    },
  );
});

describe('changes of many customers', () => {
  it('are applied in order, and one that is rejected harms no other', async () => {
    await using test = await createCustomerTest();
    await test.put('old', { stripeCustomerId: 'cus_1', aliases: ['o'] });
    await test.put('same', { name: 'Same' });

    const outcomes = await test.customers.putMany(test.tenantId, [
      { customerId: 'new', stripeCustomerId: 'cus_1' },
      { customerId: 'old', stripeCustomerId: 'cus_2', aliases: [] },
      { customerId: 'new', stripeCustomerId: 'cus_1', aliases: ['o'] },
      { customerId: 'same', name: 'Same' },
      { customerId: 'new', name: 'New' },
      { customerId: 'third', aliases: ['o'] },
      { customerId: 'third', stripeCustomerId: 'cus_3' },
    ]);

    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'rejected',
      'updated',
      'created',
      'unchanged',
      'updated',
      'rejected',
      'created',
    ]);
    const { data } = await test.customers.list(test.tenantId, undefined, {
      list: 'customers',
      after: undefined,
      limit: 10,
    });
    expect(
      data.map(({ customerId, name, aliases, stripeCustomerId }) => ({
        customerId,
        name,
        aliases,
        stripeCustomerId,
      })),
    ).toEqual([
      { customerId: 'new', name: 'New', aliases: ['o'], stripeCustomerId: 'cus_1' },
      { customerId: 'old', name: null, aliases: [], stripeCustomerId: 'cus_2' },
      { customerId: 'same', name: 'Same', aliases: [], stripeCustomerId: null },
      { customerId: 'third', name: null, aliases: [], stripeCustomerId: 'cus_3' },
    ]);
  });

  it('that come from two sides at once leave each alias with one owner', async () => {
    await using test = await createCustomerTest();
    const side = (prefix: string) =>
      test.customers.putMany(
        test.tenantId,
        Array.from({ length: 50 }, (_, n) => ({
          customerId: `${prefix}${n}`,
          aliases: [`alias ${n}`],
        })),
      );

    const outcomes = (await Promise.all([side('a'), side('b')])).flat();

    expect(outcomes.filter(({ status }) => status === 'created')).toHaveLength(50);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(50);
  });
});

describe('the list of customers', () => {
  it('tells those with a Stripe customer from those without, page by page', async () => {
    await using test = await createCustomerTest();
    for (const id of ['d', 'b', 'a', 'c']) {
      await test.put(id, id < 'c' ? { stripeCustomerId: `cus_${id}` } : {});
    }
    const idsOf = async (isMapped: boolean | undefined, after?: string, limit = 10) => {
      const request = {
        list: 'customers',
        after: after === undefined ? undefined : [after],
        limit,
      };
      const { data } = await test.customers.list(test.tenantId, isMapped, request);
      return data.map((customer) => customer.customerId);
    };

    expect(await idsOf(undefined)).toEqual(['a', 'b', 'c', 'd']);
    expect(await idsOf(true)).toEqual(['a', 'b']);
    expect(await idsOf(false)).toEqual(['c', 'd']);
    expect(await idsOf(undefined, 'b', 1)).toEqual(['c']);
  });
});
