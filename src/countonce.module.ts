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
import { ApiKeyRotationService } from './access/api-key-rotation.service.js';
import { ApiKey } from './access/api-key.entity.js';
import { ApiKeyService } from './access/api-key.service.js';
import { ApprovalPolicyService } from './access/approval/approval-policy.service.js';
import { ApprovalRequestInterceptor } from './access/approval/approval-request.interceptor.js';
import { ApprovalRequestsService } from './access/approval/approval-requests.service.js';
import { ApprovalTimer } from './access/approval/approval.timer.js';
import { ApprovalUseInterceptor } from './access/approval/approval-use.interceptor.js';
import { ApprovalService } from './access/approval/approval.service.js';
import { FailedTries } from './access/failed-tries.js';
import { KeyUse } from './access/key-use.js';
import { RateLimit } from './access/rate-limit.js';
import { Tenant } from './access/tenant.entity.js';
import { TenantService } from './access/tenant.service.js';
import { TestClockService } from './access/test-clock.service.js';
import { Config } from './config/config.js';
import { CONTROLLERS } from './controllers.js';
import { BulkVoidService } from './corrections/bulk-void.service.js';
import { BulkVoidTimer } from './corrections/bulk-void.timer.js';
import { BulkVoider } from './corrections/bulk-voider.js';
import { ReplacementCheck } from './corrections/replacement-check.js';
import { VoidService } from './corrections/void.service.js';
import { DatabaseLifetime } from './database/database-lifetime.js';
import { Database } from './database/database.js';
import { checkStart } from './database/start-check.js';
import { dataSourceOptions } from './data-source.js';
import { Eraser } from './erasure/eraser.js';
import { ErasureService } from './erasure/erasure.service.js';
import { ErasureTimer } from './erasure/erasure.timer.js';
import { Draining } from './health/draining.js';
import { CommandAnswerTimer } from './idempotency/command-answer.timer.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { KeyedCommands } from './idempotency/keyed-commands.js';
import { checkUsageEvent } from './ingest/check-usage-event.js';
import { IngestService } from './ingest/ingest.service.js';
import { QuarantineReplayService } from './ingest/quarantine-replay.service.js';
import { Recorder } from './ledger/recorder.js';
import { MeterService } from './meters/meter.service.js';
import { Metrics } from './metrics/metrics.js';
import { OpenApiDocument } from './openapi/openapi-document.js';
import { COUNTONCE_OPTIONS, type CountonceOptions } from './options.js';
import { AmendmentSealer } from './periods/amendment-sealer.js';
import { AmendmentTimer } from './periods/amendment.timer.js';
import { BillingPeriodService } from './periods/billing-period.service.js';
import { BillingSourceService } from './periods/billing-source.service.js';
import { CloseTimer } from './periods/close.timer.js';
import { CustomerImportService } from './periods/customer-import.service.js';
import { CustomerService } from './periods/customer.service.js';
import { FlushService } from './periods/flush.service.js';
import { ItemCloser } from './periods/item-closer.js';
import { PeriodCloseService } from './periods/period-close.service.js';
import { PeriodCloser } from './periods/period-closer.js';
import { PushChanges } from './push/push-changes.js';
import { PushClaimer } from './push/push-claimer.js';
import { PushInterval } from './push/push-interval.js';
import { PushPlanner } from './push/push-planner.js';
import { PushReader } from './push/push-reader.js';
import { PushReadingWorker } from './push/push-reading.worker.js';
import { PushResolutionService } from './push/push-resolution.service.js';
import { PushSender } from './push/push-sender.js';
import { PushWorker } from './push/push-worker.js';
import { PushQuery } from './push/push.query.js';
import { StripeSideReader } from './push/stripe-side.js';
import { Quarantine } from './quarantine/quarantine.js';
import { QuarantineService } from './quarantine/quarantine.service.js';
import { UsageMonthsTimer } from './ledger/usage-months.timer.js';
import { QuarantineTimer } from './quarantine/quarantine.timer.js';
import { InvoiceChecker } from './reconciliation/invoice-check.js';
import { LaneReader } from './reconciliation/lane-reader.js';
import { ReconciliationRunner } from './reconciliation/reconciliation-runner.js';
import { ReconciliationService } from './reconciliation/reconciliation.service.js';
import { ReconciliationTimer } from './reconciliation/reconciliation.timer.js';
import { RepairService } from './reconciliation/repair.service.js';
import { PlaceFinder } from './reconciliation/restore/place-finder.js';
import { RestorationService } from './reconciliation/restore/restoration.service.js';
import { ReplayRunner } from './replay/replay-runner.js';
import { ReplayService } from './replay/replay.service.js';
import { ReplayTimer } from './replay/replay.timer.js';
import { PUSH_TARGET_PROVIDERS } from './stripe/push-target.providers.js';
import { StripeAccountService } from './stripe/stripe-account.service.js';
import { StripeAccounts } from './stripe/stripe-accounts.js';
import { StripeBreaker } from './stripe/stripe-breaker.js';
import { StripeInvoices } from './stripe/stripe-invoices.js';
import { StripeMeters } from './stripe/stripe-meters.js';
import { StripeInvoiceList } from './stripe/stripe-invoice-list.js';
import { StripeReads } from './stripe/stripe-reads.js';
import { StripeSubscriptions } from './stripe/stripe-subscriptions.js';
import { StripeSummaries } from './stripe/stripe-summaries.js';
import { StripePace } from './stripe/stripe-pace.js';
import { FoldTimer } from './usage/fold.timer.js';
import { SubscriptionSync } from './usage/subscription-sync.js';
import { UsageEventService } from './usage/usage-event.service.js';
import { UsageService } from './usage/usage.service.js';
import { CustomerDeletedHandler } from './webhooks/customer-deleted.handler.js';
import { InvoiceChangedHandler } from './webhooks/invoice-changed.handler.js';
import { InvoiceCreatedHandler } from './webhooks/invoice-created.handler.js';
import { InvoiceLookup } from './webhooks/invoice-lookup.js';
import { InvoiceLookupTimer } from './webhooks/invoice-lookup.timer.js';
import { InvoicedUsageReader } from './webhooks/invoiced-usage.js';
import { MeterErrorHandler } from './webhooks/meter-error.handler.js';
import type { StripeEventHandler } from './webhooks/stripe-event-handler.js';
import { StripeEventHandlers } from './webhooks/stripe-event-handlers.js';
import { StripeEventRunner } from './webhooks/stripe-event-runner.js';
import { StripeEventWorker } from './webhooks/stripe-event-worker.js';
import { StripeEventService } from './webhooks/stripe-event.service.js';
import { StripeInboxService } from './webhooks/stripe-inbox.service.js';
import { SubscriptionChangedHandler } from './webhooks/subscription-changed.handler.js';
import { SubscriptionRefreshTimer } from './webhooks/subscription-refresh.timer.js';

/** The TypeORM data source's name, so that it is never taken for the host application's own. */
const DATA_SOURCE = 'countonce';

/** Who works on the events that Stripe sends, each on types of its own. */
const STRIPE_EVENT_HANDLERS = [
  MeterErrorHandler,
  SubscriptionChangedHandler,
  InvoiceCreatedHandler,
  InvoiceChangedHandler,
  CustomerDeletedHandler,
];

const SERVICES = [
  DatabaseLifetime,
  TenantService,
  ApiKeyService,
  ApiKeyRotationService,
  KeyUse,
  FailedTries,
  RateLimit,
  TestClockService,
  ApprovalPolicyService,
  ApprovalRequestsService,
  ApprovalService,
  ApprovalRequestInterceptor,
  ApprovalUseInterceptor,
  ApprovalTimer,
  Recorder,
  UsageMonthsTimer,
  Quarantine,
  QuarantineService,
  QuarantineTimer,
  IngestService,
  QuarantineReplayService,
  {
    provide: ReplacementCheck,
    useValue: {
      check: (raw, mayAdjust) => checkUsageEvent(raw, { mayAdjust }),
    } satisfies ReplacementCheck,
  },
  VoidService,
  BulkVoider,
  BulkVoidService,
  BulkVoidTimer,
  UsageService,
  UsageEventService,
  FoldTimer,
  MeterService,
  CustomerService,
  CustomerImportService,
  BillingPeriodService,
  BillingSourceService,
  FlushService,
  PeriodCloser,
  ItemCloser,
  PeriodCloseService,
  CloseTimer,
  AmendmentSealer,
  AmendmentTimer,
  Eraser,
  ErasureService,
  ErasureTimer,
  StripeAccounts,
  StripeAccountService,
  StripeMeters,
  StripeSubscriptions,
  StripeInvoices,
  SubscriptionSync,
  StripePace,
  StripeBreaker,
  StripeReads,
  StripeSummaries,
  ...PUSH_TARGET_PROVIDERS,
  StripeSideReader,
  PushChanges,
  PushInterval,
  PushPlanner,
  PushClaimer,
  PushSender,
  PushWorker,
  PushReader,
  PushReadingWorker,
  PushResolutionService,
  PushQuery,
  StripeInvoiceList,
  InvoiceChecker,
  LaneReader,
  ReconciliationRunner,
  ReconciliationService,
  RepairService,
  PlaceFinder,
  RestorationService,
  ReconciliationTimer,
  ReplayRunner,
  ReplayService,
  ReplayTimer,
  InvoicedUsageReader,
  InvoiceLookup,
  InvoiceLookupTimer,
  SubscriptionRefreshTimer,
  ...STRIPE_EVENT_HANDLERS,
  {
    provide: StripeEventHandlers,
    inject: STRIPE_EVENT_HANDLERS,
    useFactory: (...handlers: StripeEventHandler[]) => new StripeEventHandlers(handlers),
  },
  StripeEventRunner,
  StripeEventWorker,
  StripeEventService,
  StripeInboxService,
  AccessGuard,
  KeyedCommands,
  IdempotencyInterceptor,
  CommandAnswerTimer,
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
          useFactory: async ({ databaseUrl, config }: CountonceOptions) =>
            new Database(databaseUrl, config.DATABASE_POOL_SIZE, await checkStart(databaseUrl)),
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
          inject: [Database],
          useFactory: ({ url, role }: Database) => ({
            ...dataSourceOptions(url, role),
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
