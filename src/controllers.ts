import { ApiKeyController } from './access/api-key.controller.js';
import { ApprovalPolicyController } from './access/approval/approval-policy.controller.js';
import { ApprovalController } from './access/approval/approval.controller.js';
import { AuditEntryController } from './access/audit/audit-entry.controller.js';
import { TestClockController } from './access/test-clock.controller.js';
import { BulkVoidController } from './corrections/bulk-void.controller.js';
import { VoidController } from './corrections/void.controller.js';
import { ErasureController } from './erasure/erasure.controller.js';
import { HealthController } from './health/health.controller.js';
import { MetricsController } from './health/metrics.controller.js';
import { IngestController } from './ingest/ingest.controller.js';
import { QuarantineController } from './ingest/quarantine.controller.js';
import { MeterController } from './meters/meter.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { BillingPeriodController } from './periods/billing-period.controller.js';
import { BillingSourceController } from './periods/billing-source.controller.js';
import { CustomerController } from './periods/customer.controller.js';
import { FlushController } from './periods/flush.controller.js';
import { PeriodCloseController } from './periods/period-close.controller.js';
import { PushController } from './push/push.controller.js';
import { ReconciliationController } from './reconciliation/reconciliation.controller.js';
import { ReplayController } from './replay/replay.controller.js';
import { StripeAccountController } from './stripe/stripe-account.controller.js';
import { UsageEventController } from './usage/usage-event.controller.js';
import { UsageController } from './usage/usage.controller.js';
import { StripeEventController } from './webhooks/stripe-event.controller.js';
import { StripeWebhookController } from './webhooks/stripe-webhook.controller.js';

const API_CONTROLLERS = [
  IngestController,
  QuarantineController,
  VoidController,
  BulkVoidController,
  UsageEventController,
  UsageController,
  MeterController,
  CustomerController,
  BillingPeriodController,
  BillingSourceController,
  FlushController,
  PeriodCloseController,
  ErasureController,
  PushController,
  ReconciliationController,
  ReplayController,
  StripeAccountController,
  StripeWebhookController,
  StripeEventController,
  ApiKeyController,
  ApprovalPolicyController,
  ApprovalController,
  AuditEntryController,
  TestClockController,
  OpenApiController,
];

const OPERATION_CONTROLLERS = [HealthController, MetricsController];

/** What is served over HTTP, by how much of it is asked for. */
export const CONTROLLERS = {
  none: [],
  health: OPERATION_CONTROLLERS,
  api: [...OPERATION_CONTROLLERS, ...API_CONTROLLERS],
};
