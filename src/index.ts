/**
 * What an application that embeds Countonce may rely on; everything else may change with any
 * version. examples/embedded-app shows it at work.
 */

/** The Nest module: `CountonceModule.forRootAsync({ useFactory: () => ({ databaseUrl, config }) })`. */
export { CountonceModule, type CountonceAsyncOptions } from './countonce.module.js';
export type { CountonceOptions } from './options.js';

/** The configuration, from an environment or from values of your own under the same names. */
export { Config, InvalidConfiguration, loadConfig } from './config/config.js';

/** The database: `openDatabase` gives the one of DATABASE_URL or an embedded one; `migrate` the schema. */
export { migrate, openDatabase, type OpenDatabase } from './commands/open-database.js';

/** The services, to be injected. Every call names a tenant; `TenantService` makes them. */
export { TenantService } from './access/tenant.service.js';
export { MeterService } from './meters/meter.service.js';
export { Recorder, type RecordingOptions } from './ledger/recorder.js';
export { UsageService, type UsageRequest } from './usage/usage.service.js';
export type { UsageAnswer } from './usage/usage.answer.js';
export { PeriodCloser } from './periods/period-closer.js';

/** Usage events: `checkUsageEvent` makes one of the JSON that the HTTP API takes. */
export { checkUsageEvent, type CheckedUsageEvent } from './ingest/check-usage-event.js';
export type { UsageEvent } from './domain/usage-event.js';
export type { Verdict } from './ledger/verdict.js';

/** What the services throw where the caller can act on it; the codes are in docs/problems.md. */
export { Problem } from './problem/problem.js';

/** The HTTP API as an application of its own, and what its routes need of one that serves nothing else. */
export { configureHttp, createApp } from './app.js';
