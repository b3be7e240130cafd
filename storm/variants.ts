import type { Config } from '../src/config/config.js';
import type { Database } from '../src/database/database.js';
import type { StripeAccounts } from '../src/stripe/stripe-accounts.js';
import type { Duty } from './duty.js';
import type { HandlerFactory } from './storm-inbox.js';
import type { PushTarget } from '../src/stripe/push-target.js';

/** What the worker asks of a sender. */
export interface Sender {
  send(tenantId: string): Promise<number>;
  stop(): void;
}

export type SenderFactory = (db: Database, accounts: StripeAccounts, target: PushTarget) => Sender;

/** A way of pushing that is wrong in one point; the storm has to find it out. */
export interface Variant {
  readonly name: string;
  readonly config?: (config: Readonly<Config>) => Readonly<Config>;
  readonly target?: (target: PushTarget) => PushTarget;
  /** In place of what sends. */
  readonly sender?: SenderFactory;
  /** Duties that no process has. */
  readonly without?: readonly Duty[];
  /** In place of what works on error reports. */
  readonly handler?: HandlerFactory;
  /** Changes statements on their way to the database. */
  readonly rewrite?: (sql: string) => string;
}

/** What is built. */
export const OURS: Variant = { name: 'ours' };
