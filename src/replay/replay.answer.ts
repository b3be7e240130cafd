import { ApiProperty } from '@nestjs/swagger';
import {
  COUNT,
  FREE_OBJECT,
  FREE_OBJECT_OR_NULL,
  ID,
  ID_OR_NULL,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { DIFFERENCE_KINDS, type DifferenceKind } from './difference.js';
import type { DifferenceRow } from './difference.store.js';
import {
  REPLAY_MODES,
  REPLAY_PHASES,
  type Replay,
  type ReplayMode,
  type ReplayPhase,
} from './replay.store.js';

const STATUSES = ['running', 'finished', 'stopped'] as const;

class ReplayProgress {
  @ApiProperty({ enum: REPLAY_PHASES })
  readonly phase!: ReplayPhase;

  @ApiProperty(COUNT)
  readonly periods!: number;

  @ApiProperty(COUNT)
  readonly done!: number;
}

/** How many of each were held against the ledger. */
class ReplayChecked {
  @ApiProperty(COUNT)
  readonly periods!: number;

  @ApiProperty(COUNT)
  readonly statements!: number;

  @ApiProperty(COUNT)
  readonly totals!: number;

  @ApiProperty(COUNT)
  readonly entries!: number;

  @ApiProperty(COUNT)
  readonly registry_keys!: number;
}

export class ReplayDifferenceAnswer {
  @ApiProperty({ enum: DIFFERENCE_KINDS })
  readonly kind!: DifferenceKind;

  @ApiProperty(TEXT_OR_NULL)
  readonly customer_id!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly meter!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly period_start!: string | null;

  @ApiProperty({ ...FREE_OBJECT, description: 'Of what in the period; by its kind.' })
  readonly place!: Readonly<Record<string, unknown>>;

  @ApiProperty({
    ...FREE_OBJECT_OR_NULL,
    description: 'What the ledger gives, as far as it is not what is stored.',
  })
  readonly ledger!: Readonly<Record<string, unknown>> | null;

  @ApiProperty({
    ...FREE_OBJECT_OR_NULL,
    description: 'What is stored, as far as it is not what the ledger gives.',
  })
  readonly stored!: Readonly<Record<string, unknown>> | null;

  @ApiProperty()
  readonly mended!: boolean;
}

export class ReplayAnswer {
  @ApiProperty(ID)
  readonly id!: string;

  @ApiProperty({ enum: REPLAY_MODES })
  readonly mode!: ReplayMode;

  @ApiProperty({ enum: STATUSES })
  readonly status!: (typeof STATUSES)[number];

  @ApiProperty(TEXT_OR_NULL)
  readonly customer_id!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly from!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly to!: string | null;

  @ApiProperty()
  readonly progress!: ReplayProgress;

  @ApiProperty()
  readonly checked!: ReplayChecked;

  @ApiProperty(COUNT)
  readonly difference_count!: number;

  @ApiProperty({ type: [ReplayDifferenceAnswer], description: 'The first of them.' })
  readonly differences!: readonly ReplayDifferenceAnswer[];

  @ApiProperty({ ...COUNT, description: 'Totals and members of sets that were rewritten.' })
  readonly changes!: number;

  @ApiProperty({
    ...ID_OR_NULL,
    description: 'Of mode revert: the replay whose changes it takes back.',
  })
  readonly reverts!: string | null;

  @ApiProperty(ID_OR_NULL)
  readonly reverted_by!: string | null;

  @ApiProperty(INSTANT)
  readonly created_at!: string;

  @ApiProperty(INSTANT_OR_NULL)
  readonly finished_at!: string | null;
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

function fromDifference({
  customerId,
  periodStart,
  ...row
}: DifferenceRow): ReplayDifferenceAnswer {
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
