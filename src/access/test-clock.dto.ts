import { ApiProperty } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { INSTANT } from '../answers/answer-fields.js';
import { IsInstant } from '../problem/field-rules.js';

export class SetTestClockDto {
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'What the clock of the tenant reads from now on, ticking; null: the real time.',
    example: '2026-12-01T00:00:00Z',
  })
  @ValidateIf((_, value) => value !== null)
  @IsInstant()
  readonly now!: string | null;
}

export class TestClockAnswer {
  @ApiProperty({ ...INSTANT, description: 'What the clock of the tenant reads now.' })
  readonly now!: string;
}
