import type { Config } from './config/config.js';

/** What an application that embeds Countonce gives it. */
export interface CountonceOptions {
  /** A migrated PostgreSQL, 15 or newer. */
  readonly databaseUrl: string;
  /** As `loadConfig` reads it from an environment. */
  readonly config: Readonly<Config>;
}

export const COUNTONCE_OPTIONS = Symbol('countonce options');
