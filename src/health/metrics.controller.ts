import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/require-scope.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { monthsAhead } from '../database/months-ahead.js';
import { Metrics } from '../metrics/metrics.js';
import { pushStop } from '../outbox/push-guard.js';
import { accountFigures, statusFigures } from './push-figures.store.js';

const UNSETTLED = ['pending', 'sending', 'unknown'] as const;

@ApiTags('operation')
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /** The process's own figures, and what waits in the database it shares with others. */
  @Get()
  @Public()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({ summary: 'Metrics for Prometheus' })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  async read(): Promise<string> {
    await this.readPushes();
    await this.readAccounts();
    const stop = await pushStop(this.db.health);
    this.metrics.pushesStopped.set(stop === undefined ? 0 : 1);
    const [deltas] = await this.db.health.query<{ n: number }>(
      'SELECT count(*) AS n FROM usage_delta',
    );
    this.metrics.deltas.set(deltas?.n ?? 0);
    this.metrics.monthsAhead.set(await monthsAhead(this.db.health));
    const [quarantine] = await this.db.health.query<{ n: number }>(
      'SELECT coalesce(sum(events), 0)::float8 AS n FROM quarantine_tally',
    );
    this.metrics.quarantineEvents.set(quarantine?.n ?? 0);
    await this.readInbox();
    await this.readApprovals();
    return this.metrics.registry.metrics();
  }

  private async readPushes(): Promise<void> {
    const rows = await statusFigures(this.db.health);
    for (const state of UNSETTLED) {
      const figures = rows.find(({ status }) => status === state);
      this.metrics.pushes.set({ state }, figures?.pushes ?? 0);
      this.metrics.oldestPush.set({ state }, figures?.oldestSeconds ?? 0);
    }
  }

  private async readAccounts(): Promise<void> {
    const rows = await accountFigures(this.db.health, this.config.STRIPE_READS_PER_MONTH);
    for (const { mode, slowed, reads, readUp } of rows) {
      this.metrics.slowedAccounts.set({ mode }, slowed);
      this.metrics.stripeReads.set({ mode }, reads);
      this.metrics.readUpAccounts.set({ mode }, readUp);
    }
  }

  /** One whose keys are revoked is closed by the timer, within minutes. */
  private async readApprovals(): Promise<void> {
    const [approvals] = await this.db.health.query<{ n: number }>(
      `SELECT count(*) AS n FROM approval
        WHERE state = 'requested' AND expires_at > clock_timestamp()`,
    );
    this.metrics.approvalsWaiting.set(approvals?.n ?? 0);
  }

  private async readInbox(): Promise<void> {
    const [inbox] = await this.db.health.query<{ lag: number; dead: number }>(
      `SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)
                FILTER (WHERE next_attempt_at IS NOT NULL)), 0)::float8 AS lag,
              count(*) FILTER (WHERE outcome = 'dead') AS dead
         FROM stripe_event WHERE next_attempt_at IS NOT NULL OR outcome = 'dead'`,
    );
    this.metrics.webhookLag.set(inbox?.lag ?? 0);
    this.metrics.webhookDead.set(inbox?.dead ?? 0);
  }
}
