import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/require-scope.js';
import { Database } from '../database/database.js';
import { Metrics } from '../metrics/metrics.js';

const UNSETTLED = ['pending', 'sending', 'unknown'] as const;

@ApiTags('operation')
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly db: Database,
  ) {}

  /** The process's own figures, and what waits in the database it shares with others. */
  @Get()
  @Public()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({ summary: 'Metrics for Prometheus' })
  async read(): Promise<string> {
    const rows = await this.db.health.query<{ status: string; n: number }>(
      `SELECT status, count(*) AS n FROM push WHERE status = ANY ($1) GROUP BY status`,
      [UNSETTLED],
    );
    for (const state of UNSETTLED) {
      this.metrics.pushes.set({ state }, rows.find((row) => row.status === state)?.n ?? 0);
    }
    const [deltas] = await this.db.health.query<{ n: number }>(
      'SELECT count(*) AS n FROM usage_delta',
    );
    this.metrics.deltas.set(deltas?.n ?? 0);
    return this.metrics.registry.metrics();
  }
}
