import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What one process counts for Prometheus. Tenants are never labels: there may be any number. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly usageEvents = new Counter({
    name: 'usage_events_total',
    help: 'Usage events by their verdict.',
    labelNames: ['result'] as const,
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

  readonly deltas = new Gauge({
    name: 'usage_aggregation_rows',
    help: 'Deltas that wait to be folded into the totals.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
