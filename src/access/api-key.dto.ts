import { ApiProperty } from '@nestjs/swagger';
import { ArrayNotEmpty, ArrayUnique, IsArray, IsIn, IsInt, Max, Min } from 'class-validator';
import { IsAbsentOr, IsInstant, IsShortText } from '../problem/field-rules.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { SCOPES, type Scope } from './scope.js';

/** A month: what still needs the old key by then is forgotten, not slow. */
const OVERLAP_SECONDS_MAX = 31 * 86_400;

export class CreateApiKeyDto {
  @ApiProperty({ description: 'What the key is for.', minLength: 1, maxLength: 255 })
  @IsShortText(255)
  readonly name!: string;

  @ApiProperty({ enum: SCOPES, isArray: true })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(SCOPES, { each: true })
  readonly scopes!: Scope[];

  @ApiProperty({
    description: 'When it is refused from; absent: never.',
    format: 'date-time',
    required: false,
  })
  @IsAbsentOr()
  @IsInstant()
  readonly expires_at?: string;
}

export class RotateApiKeyDto {
  @ApiProperty({
    description: 'How long the key before goes on; a day where it is absent.',
    minimum: 0,
    maximum: OVERLAP_SECONDS_MAX,
    required: false,
  })
  @IsAbsentOr()
  @IsInt()
  @Min(0)
  @Max(OVERLAP_SECONDS_MAX)
  readonly overlap_seconds?: number;
}

export function toExpiresAt({ expires_at }: CreateApiKeyDto): Micros | undefined {
  return expires_at === undefined ? undefined : parseInstant(expires_at);
}
