import { Injectable, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What one process counts for Prometheus. Tenants are never labels: there may be any number. */
@Injectable()
export class Metrics implements OnModuleInit {
  readonly registry = new Registry();

  readonly usageEvents = new Counter({
    name: 'usage_events_total',
    help: 'Usage events by their verdict.',
    labelNames: ['result'] as const,
    registers: [this.registry],
  });

  readonly quarantined = new Counter({
    name: 'usage_events_quarantined_total',
    help: 'Events that were refused or conflict and got a row in quarantine, by code.',
    labelNames: ['code'] as const,
    registers: [this.registry],
  });

  readonly quarantineDropped = new Counter({
    name: 'quarantine_dropped_total',
    help: 'Events that were not kept, as the quarantine of their tenant was full.',
    registers: [this.registry],
  });

  readonly quarantineEvents = new Gauge({
    name: 'quarantine_events',
    help: 'Events in quarantine.',
    registers: [this.registry],
  });

  readonly webhookEvents = new Counter({
    name: 'webhook_events_total',
    help: 'Deliveries of Stripe events by what became of them at the door.',
    labelNames: ['result'] as const,
    registers: [this.registry],
  });

  readonly webhookLag = new Gauge({
    name: 'webhook_lag_seconds',
    help: 'How long the oldest Stripe event that is not worked on to the end has been here.',
    registers: [this.registry],
  });

  readonly webhookDead = new Gauge({
    name: 'webhook_dead',
    help: 'Stripe events that were given up.',
    registers: [this.registry],
  });

  readonly refusedKeys = new Counter({
    name: 'api_key_refusals_total',
    help: 'Requests without a valid API key, by what was wrong; slowed are those answered 429.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });

  readonly approvalsWaiting = new Gauge({
    name: 'approvals_waiting',
    help: 'Commands under four eyes that wait for another key to decide.',
    registers: [this.registry],
  });

  readonly shedRequests = new Counter({
    name: 'http_requests_shed_total',
    help: 'Requests that were turned away: over the rate of their key, or too many at once.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });

  readonly requestSeconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request to the end of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });

  readonly pushes = new Gauge({
    name: 'stripe_push_state',
    help: 'Pushes that are not settled, by their status.',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });

  readonly oldestPush = new Gauge({
    name: 'stripe_push_oldest_seconds',
    help: 'How long the oldest push that is not settled has stood there, by its status: from its plan, or from the call whose outcome is not known.',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });

  readonly slowedAccounts = new Gauge({
    name: 'stripe_slowed_accounts',
    help: 'Stripe accounts that are called more slowly since Stripe asked for it.',
    labelNames: ['mode'] as const,
    registers: [this.registry],
  });

  readonly stripeReads = new Gauge({
    name: 'stripe_reads_this_month',
    help: 'Reads of all Stripe accounts in the month.',
    labelNames: ['mode'] as const,
    registers: [this.registry],
  });

  readonly readUpAccounts = new Gauge({
    name: 'stripe_read_up_accounts',
    help: 'Stripe accounts that may not be read any more in the month (STRIPE_READS_PER_MONTH).',
    labelNames: ['mode'] as const,
    registers: [this.registry],
  });

  readonly stripeRequestSeconds = new Histogram({
    name: 'stripe_push_request_duration_seconds',
    help: 'Calls that push to Stripe, by what came of them, from the call to the end of its answer.',
    labelNames: ['outcome'] as const,
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers: [this.registry],
  });

  readonly breakers = new Gauge({
    name: 'stripe_circuit_breakers',
    help: 'Stripe accounts that this process has pushed to, by the state of their circuit breaker.',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });

  readonly pushesStopped = new Gauge({
    name: 'stripe_pushes_stopped',
    help: '1 while nothing is pushed, as the database is a copy or what Stripe holds is read back.',
    registers: [this.registry],
  });

  readonly deltas = new Gauge({
    name: 'usage_aggregation_rows',
    help: 'Deltas that wait to be folded into the totals.',
    registers: [this.registry],
  });

  readonly monthsAhead = new Gauge({
    name: 'usage_months_ahead',
    help: 'For how many months after this one usage has a table to be recorded in; -1: it has none.',
    registers: [this.registry],
  });

  /** Not before: what watches the event loop for them lives, and works, as long as the process. */
  onModuleInit(): void {
    collectDefaultMetrics({ register: this.registry });
  }
}
