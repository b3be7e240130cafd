import {
  Global,
  Module,
  type DynamicModule,
  type InjectionToken,
  type ModuleMetadata,
  type OptionalFactoryDependency,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessGuard } from './access/access.guard.js';
import { ApiKeyController } from './access/api-key.controller.js';
import { ApiKey } from './access/api-key.entity.js';
import { ApiKeyService } from './access/api-key.service.js';
import { Tenant } from './access/tenant.entity.js';
import { TenantService } from './access/tenant.service.js';
import { TestClockController } from './access/test-clock.controller.js';
import { TestClockService } from './access/test-clock.service.js';
import { Config } from './config/config.js';
import { DatabaseLifetime } from './database/database-lifetime.js';
import { Database } from './database/database.js';
import { dataSourceOptions } from './data-source.js';
import { Draining } from './health/draining.js';
import { HealthController } from './health/health.controller.js';
import { MetricsController } from './health/metrics.controller.js';
import { IngestController } from './ingest/ingest.controller.js';
import { IngestService } from './ingest/ingest.service.js';
import { Recorder } from './ledger/recorder.js';
import { MeterController } from './meters/meter.controller.js';
import { MeterService } from './meters/meter.service.js';
import { Metrics } from './metrics/metrics.js';
import { OpenApiDocument } from './openapi/openapi-document.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { COUNTONCE_OPTIONS, type CountonceOptions } from './options.js';
import { BillingPeriodController } from './periods/billing-period.controller.js';
import { BillingPeriodService } from './periods/billing-period.service.js';
import { CloseTimer } from './periods/close.timer.js';
import { CustomerController } from './periods/customer.controller.js';
import { CustomerImportService } from './periods/customer-import.service.js';
import { CustomerService } from './periods/customer.service.js';
import { PeriodCloseController } from './periods/period-close.controller.js';
import { PeriodCloseService } from './periods/period-close.service.js';
import { PeriodCloser } from './periods/period-closer.js';
import { PushChanges } from './push/push-changes.js';
import { PushInterval } from './push/push-interval.js';
import { PushPlanner } from './push/push-planner.js';
import { PushSender } from './push/push-sender.js';
import { PushWorker } from './push/push-worker.js';
import { PushController } from './push/push.controller.js';
import { PushQuery } from './push/push.query.js';
import { StripeSideReader } from './push/stripe-side.js';
import { PushTarget } from './stripe/push-target.js';
import { StripeAccounts } from './stripe/stripe-accounts.js';
import { StripeMeterEvents } from './stripe/stripe-meter-events.js';
import { StripeMeters } from './stripe/stripe-meters.js';
import { StripePace } from './stripe/stripe-pace.js';
import { FoldTimer } from './usage/fold.timer.js';
import { UsageEventController } from './usage/usage-event.controller.js';
import { UsageEventService } from './usage/usage-event.service.js';
import { UsageController } from './usage/usage.controller.js';
import { UsageService } from './usage/usage.service.js';

/** The TypeORM data source's name, so that it is never taken for the host application's own. */
const DATA_SOURCE = 'countonce';

const API_CONTROLLERS = [
  IngestController,
  UsageEventController,
  UsageController,
  MeterController,
  CustomerController,
  BillingPeriodController,
  PeriodCloseController,
  PushController,
  ApiKeyController,
  TestClockController,
  OpenApiController,
];

const OPERATION_CONTROLLERS = [HealthController, MetricsController];

const CONTROLLERS = {
  none: [],
  health: OPERATION_CONTROLLERS,
  api: [...OPERATION_CONTROLLERS, ...API_CONTROLLERS],
};

const SERVICES = [
  DatabaseLifetime,
  TenantService,
  ApiKeyService,
  TestClockService,
  Recorder,
  IngestService,
  UsageService,
  UsageEventService,
  FoldTimer,
  MeterService,
  CustomerService,
  CustomerImportService,
  BillingPeriodService,
  PeriodCloser,
  PeriodCloseService,
  CloseTimer,
  StripeAccounts,
  StripeMeters,
  StripePace,
  StripeMeterEvents,
  { provide: PushTarget, useExisting: StripeMeterEvents },
  StripeSideReader,
  PushChanges,
  PushInterval,
  PushPlanner,
  PushSender,
  PushWorker,
  PushQuery,
  AccessGuard,
  Metrics,
  Draining,
  OpenApiDocument,
];

export interface CountonceAsyncOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  readonly useFactory: (...dependencies: never[]) => CountonceOptions | Promise<CountonceOptions>;
  /** What is served over HTTP: nothing, health and metrics alone, or the whole API. Default nothing. */
  readonly http?: 'none' | 'health' | 'api';
}

/** Gives the options to every part of Countonce, the data source's included. */
@Global()
@Module({})
class OptionsModule {
  static of({ imports = [], inject = [], useFactory }: CountonceAsyncOptions): DynamicModule {
    return {
      module: OptionsModule,
      imports,
      providers: [
        { provide: COUNTONCE_OPTIONS, inject, useFactory },
        {
          provide: Config,
          inject: [COUNTONCE_OPTIONS],
          useFactory: ({ config }: CountonceOptions) => config,
        },
        {
          provide: Database,
          inject: [COUNTONCE_OPTIONS],
          useFactory: ({ databaseUrl, config }: CountonceOptions) =>
            new Database(databaseUrl, config.DATABASE_POOL_SIZE),
        },
      ],
      exports: [COUNTONCE_OPTIONS, Config, Database],
    };
  }
}

/** Usage metering, whole: the HTTP API, recording, totals, closes and pushes. */
@Module({})
export class CountonceModule {
  static forRootAsync(options: CountonceAsyncOptions): DynamicModule {
    return {
      module: CountonceModule,
      imports: [
        OptionsModule.of(options),
        TypeOrmModule.forRootAsync({
          name: DATA_SOURCE,
          inject: [COUNTONCE_OPTIONS],
          useFactory: ({ databaseUrl }: CountonceOptions) => ({
            ...dataSourceOptions(databaseUrl),
            retryAttempts: 3,
            retryDelay: 1_000,
          }),
        }),
        TypeOrmModule.forFeature([Tenant, ApiKey], DATA_SOURCE),
      ],
      controllers: CONTROLLERS[options.http ?? 'none'],
      providers: SERVICES,
      exports: SERVICES,
    };
  }
}
