import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { PagedDto } from '../database/paged.dto.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { ValidationProblem } from '../problem/problem.js';
import type { UsageEventRequest } from './usage-event.service.js';

/** As JSON has them. */
const BOOLEANS = ['true', 'false'];

/** Query of GET /v1/usage-events. */
export class UsageEventQueryDto extends PagedDto {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly usage_event_id?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(0, 255)
  readonly source?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: 'A meter in which the events count' })
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly meter?: string;

  @ApiPropertyOptional({ description: 'RFC 3339; occurred at or after' })
  @IsOptional()
  @IsString()
  readonly from?: string;

  @ApiPropertyOptional({ description: 'RFC 3339; occurred before' })
  @IsOptional()
  @IsString()
  readonly to?: string;

  @ApiPropertyOptional({ enum: BOOLEANS })
  @IsOptional()
  @IsIn(BOOLEANS)
  readonly late?: string;

  @ApiPropertyOptional({ enum: BOOLEANS })
  @IsOptional()
  @IsIn(BOOLEANS)
  readonly voided?: string;
}

export function toUsageEventRequest(query: UsageEventQueryDto): UsageEventRequest {
  return {
    ...(query.usage_event_id === undefined ? {} : { usageEventId: query.usage_event_id }),
    ...(query.source === undefined ? {} : { source: query.source }),
    ...(query.customer_id === undefined ? {} : { customerId: query.customer_id }),
    ...(query.meter === undefined ? {} : { meter: query.meter }),
    ...(query.from === undefined ? {} : { from: instantOf(query.from, 'from') }),
    ...(query.to === undefined ? {} : { to: instantOf(query.to, 'to') }),
    ...(query.late === undefined ? {} : { late: query.late === 'true' }),
    ...(query.voided === undefined ? {} : { voided: query.voided === 'true' }),
  };
}

function instantOf(text: string, name: string): Micros {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  const detail = `${name} must be an RFC 3339 time with an offset`;
  throw new ValidationProblem([{ pointer: `/${name}`, code: 'invalid', detail }]);
}
