import { ApiProperty, ApiPropertyOptional, IntersectionType, PickType } from '@nestjs/swagger';
import { COUNT, INSTANT } from '../answers/answer-fields.js';
import { VERDICT_STATUSES, type Verdict } from '../ledger/verdict.js';
import type { Counts, Receipt, Result, ResultError } from './receipt.dto.js';

class ResultErrorAnswer implements ResultError {
  @ApiProperty()
  readonly code!: string;

  @ApiPropertyOptional({ description: 'A JSON pointer into the body as it was sent' })
  readonly pointer?: string;

  @ApiProperty()
  readonly detail!: string;

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    description: 'Of a conflict: what differs; null where the details are gone',
  })
  readonly fields?: readonly string[] | null;
}

/** What became of one event. */
export class ResultAnswer implements Result {
  @ApiProperty({ ...COUNT, description: 'Its place in what was sent, from 0.' })
  readonly index!: number;

  @ApiPropertyOptional({ description: 'As far as one could be read.' })
  readonly usage_event_id?: string;

  @ApiProperty({ enum: VERDICT_STATUSES })
  readonly status!: Verdict['status'];

  @ApiPropertyOptional({ ...INSTANT, description: 'Of a duplicate and of a conflict.' })
  readonly first_received_at?: string;

  @ApiPropertyOptional({ enum: [true], description: 'Its period was closed already.' })
  readonly late?: true;

  @ApiPropertyOptional({ ...INSTANT, description: 'Where it is late.' })
  readonly billed_period_start?: string;

  @ApiPropertyOptional({ description: 'Of a conflict, and the first of a rejection.' })
  readonly error?: ResultErrorAnswer;

  @ApiPropertyOptional({
    type: [ResultErrorAnswer],
    description: 'Where more than one thing is wrong: all of them.',
  })
  readonly errors?: readonly ResultErrorAnswer[];
}

/** How many events had which verdict. */
export class VerdictCounts implements Counts {
  @ApiProperty(COUNT)
  readonly accepted!: number;

  @ApiProperty(COUNT)
  readonly duplicate!: number;

  @ApiProperty(COUNT)
  readonly conflict!: number;

  @ApiProperty(COUNT)
  readonly rejected!: number;
}

/** What became of a batch. */
export class ReceiptAnswer extends VerdictCounts implements Receipt {
  @ApiProperty({ type: [ResultAnswer] })
  readonly results!: readonly ResultAnswer[];
}

/** What became of one event alone that was accepted, or known. */
export class ReceiptOfOneAnswer extends IntersectionType(
  ReceiptAnswer,
  PickType(ResultAnswer, [
    'index',
    'usage_event_id',
    'status',
    'first_received_at',
    'late',
    'billed_period_start',
  ]),
) {}
