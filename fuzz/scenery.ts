import type { Door } from './send/http-door.js';
import type { Rig } from './rig.js';

const CUSTOMERS = 12;

/** Meters that usage is sent for, of every aggregation. */
const METERS: Readonly<Record<string, object>> = {
  calls: { aggregation: 'sum' },
  bytes: { aggregation: 'sum', value_property: 'size', event_types: ['bytes', 'seats'] },
  peak: { aggregation: 'max' },
  seats: { aggregation: 'last', carry_last: true },
  users: { aggregation: 'unique_count', unique_property: 'user', event_types: ['users', 'calls2'] },
  requests: { aggregation: 'count', event_types: ['calls', 'peak'], dimensions: ['region'] },
};
const MAPPED = ['calls', 'requests'];

/** Makes what requests can be about: meters, customers and keys, of both tenants. */
export async function setScene(rig: Rig, door: Door): Promise<void> {
  const { world, operatorKeys, admin } = rig;
  const { rows } = await admin.query<{ tenant_id: string }>(
    `SELECT tenant_id FROM tenant ORDER BY name = 'default' DESC`,
  );
  for (const meter of MAPPED) await rig.stripe.createMeter(meter);
  for (const tenant of [0, 1] as const) {
    const call = caller(door, operatorKeys[tenant]);
    const made = [];
    for (const scopes of [['usage:read'], ['usage:write'], ['usage:read']]) {
      const key = await call('POST', '/v1/api-keys', { name: scopes[0], scopes });
      made.push(key);
      world.secrets.add(key.key);
    }
    await call('DELETE', `/v1/api-keys/${made[2]!.id}`);
    world.tenants[tenant] = {
      id: rows[tenant]!.tenant_id,
      keys: [operatorKeys[tenant], ...made.map(({ key }) => key)],
    };
    await setRegisters(rig, tenant, call);
  }
}

interface Made {
  readonly id: string;
  readonly key: string;
}

type Call = (method: string, path: string, body?: object) => Promise<Made>;

async function setRegisters(rig: Rig, tenant: 0 | 1, call: Call): Promise<void> {
  const { world, stripe } = rig;
  for (const [key, settings] of Object.entries(METERS)) {
    const mapped = tenant === 0 && MAPPED.includes(key) ? { stripe_event_name: key } : {};
    await call('PUT', `/v1/meters/${key}`, { ...settings, ...mapped, push: 'live' });
    world.keep(tenant, 'meter', key);
  }
  for (let n = 0; n < CUSTOMERS; n++) {
    const id = `cus_${n}`;
    const stripeId = tenant === 0 && n < 5 ? await stripe.createCustomer(id) : undefined;
    if (stripeId !== undefined) world.keep(tenant, 'stripe_customer', stripeId);
    await call('PUT', `/v1/customers/${id}`, {
      name: id,
      ...(stripeId !== undefined && { stripe_customer_id: stripeId }),
      ...(n % 3 === 1 && { billing_period: { interval: 'day' } }),
      ...(n % 3 === 2 && { billing_period: { interval: 'week', timezone: 'Europe/Berlin' } }),
    });
    world.keep(tenant, 'customer', id);
  }
  for (let n = 0; n < 10; n++) {
    world.keep(tenant, 'own_meter', `m_${n}`);
    world.keep(tenant, 'meter', `m_${n}`);
    world.keep(tenant, 'stripe_event_name', `name_${n}`);
  }
  world.keep(tenant, 'stripe_event_name', ...MAPPED);
  world.keep(tenant, 'code', 'unknown_meter', 'validation_failed', 'usage_event_conflict');
}

function caller(door: Door, key: string): Call {
  return async (method, path, body) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await door.send({
      method,
      path,
      headers: {
        authorization: `Bearer ${key}`,
        ...(text !== undefined && { 'content-type': 'application/json' }),
      },
      body: text === undefined ? undefined : Buffer.from(text),
      text,
    });
    if ('cut' in answer || answer.status > 299) {
      throw new Error(`${method} ${path}: ${'cut' in answer ? answer.cut : answer.text}`);
    }
    return JSON.parse(answer.text === '' ? '{}' : answer.text) as Made;
  };
}
