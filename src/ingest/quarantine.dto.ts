import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsString,
  Length,
  Matches,
  ValidateIf,
} from 'class-validator';
import { PagedDto } from '../database/paged.dto.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { QuarantineFilter } from '../quarantine/quarantine-list.store.js';
import { IsStorableText } from './usage-event.constraints.js';

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CODE = /^[a-z][a-z0-9_]{0,63}$/;
/** As many as one call replays. */
const IDS_MAX = 10_000;

/** Query of GET /v1/quarantine. */
export class QuarantineQueryDto extends PagedDto {
  @ApiPropertyOptional({ description: 'Why it was not recorded, such as unknown_meter' })
  @IsAbsentOr()
  @IsString()
  @Length(1, 64)
  readonly code?: string;

  @ApiPropertyOptional({ description: 'As it was sent: an id or an alias' })
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: 'As it was sent: a key or an event type' })
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly meter?: string;

  @ApiPropertyOptional()
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly usage_event_id?: string;
}

/** Body of POST /v1/quarantine/replays. */
export class CreateQuarantineReplayDto {
  @ApiPropertyOptional({ description: 'Those with this code alone' })
  @ValidateIf((_, value) => value !== undefined)
  @Matches(CODE, { message: 'code must be a code that GET /v1/quarantine shows' })
  readonly code?: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'These alone, by their id in quarantine',
    minItems: 1,
    maxItems: IDS_MAX,
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(IDS_MAX)
  @Matches(ID, { each: true, message: 'ids must be ids that GET /v1/quarantine shows' })
  readonly ids?: readonly string[];
}

/** Body of DELETE /v1/quarantine/:id. */
export class DeleteQuarantinedEventDto {
  /** For whoever asks later. */
  @ApiProperty({ minLength: 1, maxLength: 500 })
  @IsString()
  @Length(1, 500)
  @IsStorableText()
  readonly reason!: string;
}

export function toQuarantineFilter(query: QuarantineQueryDto): QuarantineFilter {
  return {
    code: query.code,
    customerId: query.customer_id,
    meter: query.meter,
    usageEventId: query.usage_event_id,
  };
}
