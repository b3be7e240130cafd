import fc from 'fast-check';
import { token, type Pool } from '../plan.js';
import { sometimes } from './chance.js';
import type { Loose } from './loose-json.js';
import { oddValue, time, timezone } from './odd-values.js';
import { eventJson } from './usage-events.js';

/** As much of JSON Schema as the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | null)[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

export type Schemas = Readonly<Record<string, Schema>>;

/** Members that name something that may be there. */
const POOL_OF: Readonly<Record<string, Pool>> = {
  customer_id: 'customer',
  meter: 'meter',
  usage_event_id: 'event',
  usage_event_ids: 'event',
  ids: 'quarantine',
  code: 'code',
  period_start: 'period',
  stripe_customer_id: 'stripe_customer',
  stripe_event_name: 'stripe_event_name',
  event_types: 'own_meter',
  cursor: 'cursor',
};

const TIMES =
  /^(?:from|to|as_of|now|anchor|push_from|billing_starts_at|received_from|received_to)$/;

/** Draws what a schema describes, named by what the member is called. */
export class SchemaValues {
  constructor(private readonly schemas: Schemas) {}

  /** What fits, or nearly: where the schema is silent, the name has its say. */
  valueOf(schema: Schema, name: string): fc.Arbitrary<Loose> {
    if (schema.$ref !== undefined) return this.ofReference(schema.$ref);
    if (schema.allOf?.[0] !== undefined) return this.valueOf(schema.allOf[0], name);
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices !== undefined) {
      return fc.oneof(...choices.map((choice) => this.valueOf(choice, name)));
    }
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    const types = [schema.type ?? 'string'].flat();
    return fc.oneof(...types.map((type) => this.ofType(type, schema, name)));
  }

  /** An object, one member of which may be missing, wrong, or too many. */
  objectOf(schema: Schema): fc.Arbitrary<Loose> {
    const members = Object.entries(schema.properties ?? {});
    const whole = fc.record(
      Object.fromEntries(members.map(([name, member]) => [name, this.valueOf(member, name)])),
      { requiredKeys: (schema.required ?? []) as never[] },
    ) as fc.Arbitrary<Readonly<Record<string, Loose>>>;
    const names = members.map(([name]) => name);
    return fc.oneof(
      { weight: 65, arbitrary: whole },
      { weight: 8, arbitrary: whole.chain((body) => withoutOne(body)) },
      { weight: 20, arbitrary: fc.tuple(whole, oneOf(names), oddValue).map(withMember) },
      { weight: 4, arbitrary: fc.tuple(whole, ODD_NAME, oddValue).map(withMember) },
      { weight: 3, arbitrary: oddValue },
    );
  }

  private ofReference(reference: string): fc.Arbitrary<Loose> {
    const name = reference.split('/').at(-1)!;
    if (name === 'UsageEventDto') return eventJson;
    return this.objectOf(this.schemas[name] ?? {});
  }

  private ofType(type: string, schema: Schema, name: string): fc.Arbitrary<Loose> {
    switch (type) {
      case 'null':
        return fc.constant(null);
      case 'boolean':
        return fc.boolean();
      case 'number':
      case 'integer':
        return fc.integer({ min: (schema.minimum ?? 0) - 1, max: numberMax(schema) });
      case 'array':
        return fc.array(this.valueOf(schema.items ?? {}, name), { maxLength: 4 });
      case 'object':
        return schema.properties === undefined ? this.dictionaryOf(schema) : this.objectOf(schema);
      default:
        return textOf(schema, name);
    }
  }

  private dictionaryOf(schema: Schema): fc.Arbitrary<Loose> {
    const { additionalProperties: each } = schema;
    const value = this.valueOf(typeof each === 'object' ? each : {}, 'property');
    return fc.dictionary(fc.constantFrom('region', 'user', 'tier', '__proto__', 'é'), value, {
      maxKeys: 3,
    });
  }
}

export function textOf(schema: Schema, name: string): fc.Arbitrary<string> {
  if (schema.format === 'date-time' || TIMES.test(name)) return time;
  const pool = POOL_OF[name];
  if (pool !== undefined) return fc.nat(9_999).map((pick) => token(pool, pick));
  if (name === 'timezone') return timezone;
  if (name === 'value_property') return fc.constantFrom('quantity', 'size', 'user');
  if (name === 'unique_property' || name === 'dimensions' || name === 'group_by') {
    return fc.constantFrom('region', 'user', 'tier');
  }
  if (name === 'aliases') return fc.nat(40).map((n) => `alias_${n}`);
  if (name === 'secret_key') return fc.nat(9).map((n) => `sk_test_fuzzed${n}`);
  if (name === 'webhook_secrets') return fc.nat(9).map((n) => `whsec_fuzzed${n}`);
  if (name === 'stripe_account') return fc.nat(9).map((n) => `acct_${n}`);
  return fc.oneof(
    fc.constantFrom('a', 'b', 'eu', 'us', 'because'),
    fc.string({
      minLength: schema.minLength ?? 0,
      maxLength: Math.min(schema.maxLength ?? 20, 40),
    }),
  );
}

/** Names at which objects of JavaScript have something of their own. */
const ODD_NAME = fc.constantFrom('__proto__', 'constructor', 'toString', '', 'extra', '\0', 'id');

function numberMax({ maximum }: Schema): number {
  return maximum === undefined ? 1_000 : maximum + 1;
}

function oneOf(names: readonly string[]): fc.Arbitrary<string> {
  return names.length === 0 ? fc.constant('extra') : fc.constantFrom(...names);
}

function withoutOne(body: Readonly<Record<string, Loose>>): fc.Arbitrary<Loose> {
  const names = Object.keys(body);
  return oneOf(names).map((name) =>
    Object.fromEntries(Object.entries(body).filter(([other]) => other !== name)),
  );
}

function withMember([body, name, value]: [Readonly<Record<string, Loose>>, string, Loose]): Loose {
  const members = Object.entries(body).filter(([other]) => other !== name);
  // Not by a literal, which would take `__proto__` for something else.
  return Object.fromEntries([...members, [name, value]]);
}

/** The text of a body, now and then broken as a whole. */
export function breakText(text: string): fc.Arbitrary<string> {
  return sometimes(
    8,
    fc.oneof(
      fc.nat(Math.max(text.length - 1, 0)).map((at) => text.slice(0, at)),
      fc.constantFrom(
        `\ufeff${text}`,
        `${text},`,
        `${text}\0`,
        `${text}${text}`,
        text.replace(/^\{/, '{"reason":"twice",'),
        text.replace(/^\{/, '{"__proto__":{"admin":true},'),
        `[${text}]`,
        '',
        ' ',
        'null',
        '"text"',
        '12',
        `${'{"a":'.repeat(100_000)}1`,
        `[${'0,'.repeat(60_000)}0]`,
      ),
    ),
    fc.constant(text),
  );
}
