import { Controller, Get } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { Public } from '../access/require-scope.js';
import { Database } from '../database/database.js';
import { isMigrated } from '../database/migrated.js';
import { PUSH_STOP_DETAILS, pushStop } from '../outbox/push-guard.js';
import { Problem } from '../problem/problem.js';
import { Draining } from './draining.js';

class LiveAnswer {
  @ApiProperty({ enum: ['live'] })
  readonly status!: 'live';
}

class ReadyAnswer {
  @ApiProperty({ enum: ['ready'] })
  readonly status!: 'ready';

  @ApiPropertyOptional({
    description: 'Why nothing is pushed from this database, where that is so.',
  })
  readonly pushes?: string;
}

@ApiTags('operation')
@Controller('health')
export class HealthController {
  constructor(
    private readonly db: Database,
    private readonly draining: Draining,
  ) {}

  /** The process answers; says nothing of the database. */
  @Get('live')
  @Public()
  @ApiOperation({ summary: 'Whether the process is alive' })
  @ApiOkResponse({ type: LiveAnswer })
  live(): LiveAnswer {
    return { status: 'live' };
  }

  /** Ready for requests: the database can be written to and is migrated, and we are not going down. */
  @Get('ready')
  @Public()
  @ApiOperation({ summary: 'Whether requests may be sent here' })
  @ApiOkResponse({ type: ReadyAnswer })
  async ready(): Promise<ReadyAnswer> {
    if (this.draining.isDraining)
      throw new Problem('service_unavailable', 'the process is shutting down');
    const [state] = await this.db.health.query<{ readOnly: boolean }>(
      `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "readOnly"`,
    );
    if (state?.readOnly !== false)
      throw new Problem('service_unavailable', 'the database is read-only');
    if (!(await isMigrated(this.db.health))) {
      throw new Problem(
        'service_unavailable',
        'the database is not migrated; run countonce migrate',
      );
    }
    if (this.db.isDiskFull)
      throw new Problem('service_unavailable', 'the disk of the database is full');
    const stop = await pushStop(this.db.health);
    return stop === undefined
      ? { status: 'ready' }
      : { status: 'ready', pushes: PUSH_STOP_DETAILS[stop] };
  }
}
