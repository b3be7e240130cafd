import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { defaultAnchor } from '../customers/schedule-timeline.js';
import { computePeriod, INTERVALS, isTimezone, type Schedule } from '../domain/billing-period.js';
import { parseInstant } from '../domain/instant.js';
import type { ProblemCode } from '../problem/codes.js';
import { IsInstant } from '../problem/field-rules.js';
import { Problem } from '../problem/problem.js';

/** Usage may lie between these, and each of it needs a period. */
const USAGE_FROM = Date.UTC(2000, 0, 1) * 1_000;
const USAGE_UNTIL = Date.UTC(2150, 0, 1) * 1_000;

export class BillingPeriodDto {
  @ApiProperty({ enum: INTERVALS })
  @IsIn(INTERVALS)
  readonly interval!: Schedule['interval'];

  @ApiPropertyOptional({ type: Number, nullable: true, minimum: 1, maximum: 1_000, default: 1 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly interval_count?: number | null;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'A boundary; default: midnight of Monday 2024-01-01 in the time zone.',
  })
  @IsOptional()
  @IsInstant()
  readonly anchor?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, default: 'UTC', example: 'Europe/Berlin' })
  @IsOptional()
  @IsString()
  readonly timezone?: string | null;
}

/**
 * The schedule that a `billing_period` says.
 *
 * @throws Problem where the time zone is unknown, or a boundary would be too far away to be kept.
 */
export function toSchedule(dto: BillingPeriodDto): Schedule {
  const timezone = dto.timezone ?? 'UTC';
  if (!isTimezone(timezone)) {
    throw refusal('timezone', 'timezone_unknown', `there is no time zone ${timezone}`);
  }
  const schedule = {
    interval: dto.interval,
    intervalCount: dto.interval_count ?? 1,
    anchor: dto.anchor == null ? defaultAnchor(timezone) : parseInstant(dto.anchor)!,
    timezone,
  };
  try {
    computePeriod(schedule, USAGE_FROM);
    computePeriod(schedule, USAGE_UNTIL);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal('interval_count', 'invalid', 'a billing period would be too long to be kept');
  }
  return schedule;
}

function refusal(field: string, code: ProblemCode, detail: string): Problem {
  const errors = [{ pointer: `/billing_period/${field}`, code, detail }];
  return new Problem(code === 'invalid' ? 'validation_failed' : code, detail, { errors });
}
