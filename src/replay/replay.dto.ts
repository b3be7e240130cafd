import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, Length } from 'class-validator';
import { formatInstant, type Micros } from '../domain/instant.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { DifferenceRow } from './difference.store.js';
import type { Replay, ReplayMode } from './replay.store.js';

export class CreateReplayDto {
  @ApiProperty({
    enum: ['verify', 'apply'],
    description: 'Tell what differs from the ledger, or also put the totals right',
  })
  @IsIn(['verify', 'apply'])
  readonly mode!: 'verify' | 'apply';

  @ApiPropertyOptional()
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: 'RFC 3339; only periods that end after it' })
  @IsAbsentOr()
  @IsString()
  readonly from?: string;

  @ApiPropertyOptional({ description: 'RFC 3339; only periods that begin before it' })
  @IsAbsentOr()
  @IsString()
  readonly to?: string;
}

export interface DifferenceAnswer {
  readonly kind: string;
  readonly customer_id: string | null;
  readonly meter: string | null;
  readonly period_start: string | null;
  /** Of what in the period. */
  readonly place: Readonly<Record<string, unknown>>;
  /** What the ledger gives, and what is stored: as far as the two differ. */
  readonly ledger: Readonly<Record<string, unknown>> | null;
  readonly stored: Readonly<Record<string, unknown>> | null;
  readonly mended: boolean;
}

export interface ReplayAnswer {
  readonly id: string;
  readonly mode: ReplayMode;
  readonly status: 'running' | 'finished' | 'stopped';
  readonly customer_id: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly progress: { readonly phase: string; readonly periods: number; readonly done: number };
  readonly checked: Readonly<
    Record<'periods' | 'statements' | 'totals' | 'entries' | 'registry_keys', number>
  >;
  readonly difference_count: number;
  /** The first of them. */
  readonly differences: readonly DifferenceAnswer[];
  /** Totals and members of sets that were rewritten. */
  readonly changes: number;
  /** Of mode revert: the replay whose changes it takes back. */
  readonly reverts: string | null;
  readonly reverted_by: string | null;
  readonly created_at: string;
  readonly finished_at: string | null;
}

export function fromReplay(replay: Replay, differences: readonly DifferenceRow[]): ReplayAnswer {
  const { phase, periods, checkedPeriods } = replay;
  return {
    id: replay.id,
    mode: replay.mode,
    status: replay.finishedAt === null ? 'running' : phase === 'done' ? 'finished' : 'stopped',
    customer_id: replay.customerId,
    from: instantOrNull(replay.from),
    to: instantOrNull(replay.to),
    progress: { phase, periods: Math.max(periods, checkedPeriods), done: checkedPeriods },
    checked: {
      periods: checkedPeriods,
      statements: replay.checkedStatements,
      totals: replay.checkedTotals,
      entries: replay.checkedEntries,
      registry_keys: replay.checkedKeys,
    },
    difference_count: replay.differences,
    differences: differences.map(fromDifference),
    changes: replay.changes,
    reverts: replay.reverts,
    reverted_by: replay.revertedBy,
    created_at: formatInstant(replay.createdAt),
    finished_at: instantOrNull(replay.finishedAt),
  };
}

function fromDifference({ customerId, periodStart, ...row }: DifferenceRow): DifferenceAnswer {
  return {
    kind: row.kind,
    customer_id: customerId,
    meter: row.meter,
    period_start: instantOrNull(periodStart),
    place: row.place,
    ledger: row.ledger,
    stored: row.stored,
    mended: row.mended,
  };
}

function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
