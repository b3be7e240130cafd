import 'reflect-metadata';
import { inspect } from 'node:util';
import { Injectable } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, IsIn, IsOptional, Matches, validateSync } from 'class-validator';
import { IsListOf, IsPostgresUrl, IsWebUrl, listed, WholeNumber } from './environment-variable.js';
import { VALUE_RULES, type ValueRule } from '../domain/value-rule.js';

const DAY_SECONDS = 86_400;
const MONTH_SECONDS = 31 * DAY_SECONDS;
/** Of 32 bytes. */
const HEX_KEY_CHARACTERS = 64;
const SECRETS: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'BOOTSTRAP_API_KEY',
  'STRIPE_SECRET_KEY',
  'STRIPE_WEBHOOK_SECRET',
  'ENCRYPTION_KEY',
]);

export const ROLES = ['api', 'worker', 'all'] as const;
/**
 * Where pushes go, as each push's row names it too.
 *
 * Stripe does not say whether its v1 and v2 APIs remember identifiers together, and their idempotency
 * keys are apart. So a push whose call through one target may have been executed is never sent
 * through another: it stays unknown, and is read back once its window has passed. What was surely not
 * executed goes through whichever target is configured when it is sent.
 */
export const PUSH_TARGETS = ['stripe_v1', 'stripe_v2', 'file'] as const;
export type PushTargetName = (typeof PUSH_TARGETS)[number];
export const UNKNOWN_CUSTOMER = ['create', 'reject'] as const;
/** pino's, from the loudest down. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Everything the environment may set, under the same name. Anything else is not configuration. */
@Injectable()
export class Config {
  /** TCP port of the HTTP API; 0 takes any free one. */
  @WholeNumber(0, 65_535)
  readonly PORT: number = 3000;

  /** Address to listen on. */
  @Matches(/^[\w.:%-]+$/, { message: 'must be an IP address or a host name' })
  readonly HOST: string = '127.0.0.1';

  /** The PostgreSQL that holds the ledger; absent: the embedded one in DATA_DIR. */
  @IsOptional()
  @IsPostgresUrl()
  readonly DATABASE_URL?: string;

  /** Folder of the embedded PostgreSQL. */
  // eslint-disable-next-line no-control-regex -- a path may hold anything but NUL
  @Matches(/^[^\0]+$/, { message: 'must be a path' })
  readonly DATA_DIR: string = '.countonce';

  /** What this process does. */
  @IsIn(ROLES, { message: `must be one of ${ROLES.join(', ')}` })
  readonly ROLE: (typeof ROLES)[number] = 'all';

  /** Admin key of the tenant `default`; absent: one is made and printed once. Goes into a header. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{32,1024}$/, {
    message: 'must be 32 to 1024 ASCII characters without blanks',
  })
  readonly BOOTSTRAP_API_KEY?: string;

  /** Stripe key of the tenant `default`, restricted or not; absent: its pushes are held. */
  @IsOptional()
  @Matches(/^[sr]k_(test|live)_[\x21-\x7e]+$/, {
    message: 'must be a Stripe secret key: sk_test_…, sk_live_…, rk_test_… or rk_live_…',
  })
  readonly STRIPE_SECRET_KEY?: string;

  /** The Stripe account of that key; absent: Stripe is asked. */
  @IsOptional()
  @Matches(/^acct_\w+$/, { message: 'must be a Stripe account id: acct_…' })
  readonly STRIPE_ACCOUNT_ID?: string;

  /** Where the Stripe API is, v1 and v2; a simulator or proxy in tests. */
  @IsWebUrl()
  readonly STRIPE_API_BASE: string = 'https://api.stripe.com';

  /** Signing secrets of the webhook endpoint of the tenant `default`, comma-separated for rotation. */
  @IsOptional()
  @IsListOf(/^whsec_[\x21-\x7e]+$/, 'must be signing secrets of Stripe, comma-separated: whsec_…')
  readonly STRIPE_WEBHOOK_SECRET?: string;

  /** Encrypts the Stripe secrets of tenants; of several, comma-separated, the first, and all decrypt. */
  @IsOptional()
  @IsListOf(
    /^(?:[0-9a-f]{64}|[\w+/-]{43}=?)$/i,
    'must be 32 random bytes in base64 or hex, as `openssl rand -base64 32` makes them; ' +
      'several are comma-separated',
  )
  readonly ENCRYPTION_KEY?: string;

  /** Writes per second and Stripe account; absent: 1000 in live mode, 20 in test mode. */
  @IsOptional()
  @WholeNumber(1, 10_000)
  readonly STRIPE_CALLS_PER_SECOND?: number;

  /** Reads per month and Stripe account; Stripe allows at least 10,000. Checks use half at most. */
  @WholeNumber(0, 100_000_000)
  readonly STRIPE_READS_PER_MONTH: number = 10_000;

  /** Where pushes go: meter events of Stripe's v1 or v2 API, or lines of a file. */
  @IsIn(PUSH_TARGETS, { message: `must be one of ${PUSH_TARGETS.join(', ')}` })
  readonly PUSH_TARGET: (typeof PUSH_TARGETS)[number] = 'stripe_v1';

  /** The file of the target `file`; absent: `pushes.ndjson` in DATA_DIR. */
  @IsOptional()
  // eslint-disable-next-line no-control-regex -- a path may hold anything but NUL
  @Matches(/^[^\0]+$/, { message: 'must be a path' })
  readonly PUSH_FILE?: string;

  /** What Stripe's v2 API takes: its reference says whole numbers above zero, others are held. */
  @IsIn(VALUE_RULES, { message: `must be one of ${VALUE_RULES.join(', ')}` })
  readonly STRIPE_V2_VALUES: ValueRule = 'positive_integer';

  /** How often open periods are pushed; 0: only at close. */
  @WholeNumber(0, MONTH_SECONDS)
  readonly PUSH_INTERVAL_SECONDS: number = 3_600;

  /** How long an unknown push may be sent again unread; Stripe forgets its identifier after a day. */
  @WholeNumber(0, DAY_SECONDS - 1)
  readonly PUSH_RESEND_WINDOW_SECONDS: number = 82_800;

  /** How long Stripe's summaries must agree before they settle an unknown push. */
  @WholeNumber(0, DAY_SECONDS)
  readonly READBACK_STABLE_SECONDS: number = 900;

  /** How often a sample of what was pushed is held against Stripe, and each closed period once; 0: never. */
  @WholeNumber(0, MONTH_SECONDS)
  readonly RECONCILE_INTERVAL_SECONDS: number = 86_400;

  /** How long after the end of a period the own clock waits to close it. */
  @WholeNumber(0, MONTH_SECONDS)
  readonly CLOSE_GRACE_SECONDS: number = 1_800;

  /** Requests per second and key; 0: no limit. */
  @WholeNumber(0, 1_000_000)
  readonly RATE_LIMIT_PER_SECOND: number = 0;

  /** What becomes of usage of a customer that nobody announced. */
  @IsIn(UNKNOWN_CUSTOMER, { message: `must be one of ${UNKNOWN_CUSTOMER.join(', ')}` })
  readonly UNKNOWN_CUSTOMER: (typeof UNKNOWN_CUSTOMER)[number] = 'create';

  /** Events that a tenant's quarantine holds; what more is refused is counted, but not kept. */
  @WholeNumber(0, 10_000_000)
  readonly QUARANTINE_EVENTS_MAX: number = 100_000;

  /** The least severe level that is logged. */
  @IsIn(LOG_LEVELS, { message: `must be one of ${LOG_LEVELS.join(', ')}` })
  readonly LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'info';

  /** Connections to the database per process; about twice its cores is fastest. */
  @WholeNumber(1, 200)
  readonly DATABASE_POOL_SIZE: number = 4;

  /** What the target of pushes takes. */
  get pushValues(): ValueRule {
    return this.PUSH_TARGET === 'stripe_v2' ? this.STRIPE_V2_VALUES : 'decimal';
  }

  /** The values that must never appear anywhere, for the logger to look out for. */
  get secrets(): readonly string[] {
    return [
      ...[this.BOOTSTRAP_API_KEY, this.STRIPE_SECRET_KEY].filter((value) => value !== undefined),
      ...this.webhookSecrets,
      ...listed(this.ENCRYPTION_KEY),
    ];
  }

  /** Those of the tenant `default`; none where the environment sets none. */
  get webhookSecrets(): readonly string[] {
    return listed(this.STRIPE_WEBHOOK_SECRET);
  }

  /** 32 bytes each; the first encrypts. */
  get encryptionKeys(): readonly Buffer[] {
    return listed(this.ENCRYPTION_KEY).map((key) =>
      Buffer.from(key, key.length === HEX_KEY_CHARACTERS ? 'hex' : 'base64'),
    );
  }

  toJSON(): Record<string, unknown> {
    const shown = Object.entries(this).filter(([, value]) => value !== undefined);
    return Object.fromEntries(
      shown.map(([name, value]) => [name, SECRETS.has(name) ? '[redacted]' : (value as unknown)]),
    );
  }

  [inspect.custom](): Record<string, unknown> {
    return this.toJSON();
  }
}

/** The environment is wrong; the message names each variable and what it must be, never its value. */
export class InvalidConfiguration extends Error {
  override readonly name = 'InvalidConfiguration';

  constructor(readonly problems: Readonly<Record<string, string>>) {
    const lines = Object.entries(problems).map(([variable, must]) => `  ${variable}: ${must}`);
    super(`Invalid configuration:\n${lines.join('\n')}`);
  }
}

/**
 * Reads the configuration once, at start-up. An empty variable counts as absent, as in a `.env`
 * file or a compose file that lists it without a value.
 *
 * @throws InvalidConfiguration naming every wrong variable.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Readonly<Config> {
  // Taken out by name: plainToInstance would copy the whole environment into the object.
  const given = variableNames().filter((name) => env[name] !== undefined && env[name] !== '');
  const config = plainToInstance(
    Config,
    Object.fromEntries(given.map((name) => [name, env[name]])),
    {
      exposeUnsetFields: false,
    },
  );
  const wrong = validateSync(config, { validationError: { target: false, value: false } });
  if (wrong.length > 0) {
    throw new InvalidConfiguration(
      Object.fromEntries(
        wrong.map(({ property, constraints = {} }) => [
          property,
          [...new Set(Object.values(constraints))].join('; '),
        ]),
      ),
    );
  }
  return Object.freeze(config);
}

/** The variables that {@link Config} declares. */
export function variableNames(): readonly string[] {
  const declared = getMetadataStorage().getTargetValidationMetadatas(Config, '', true, false);
  return [...new Set(declared.map(({ propertyName }) => propertyName))];
}
