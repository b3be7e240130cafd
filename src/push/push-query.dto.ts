import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { PagedDto } from '../database/paged.dto.js';
import { PUSH_STATUSES } from '../outbox/push-status.js';

/** What a push is shown as; `held`: it cannot be made as things are. */
export const SHOWN_STATUSES = ['held', ...PUSH_STATUSES] as const;
export type ShownStatus = (typeof SHOWN_STATUSES)[number];

/** Query of GET /v1/pushes. */
export class PushQueryDto extends PagedDto {
  @ApiPropertyOptional({ enum: SHOWN_STATUSES })
  @IsOptional()
  @IsIn(SHOWN_STATUSES)
  readonly status?: ShownStatus;

  @ApiPropertyOptional({ description: "A customer's id or alias" })
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: "A meter's key" })
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly meter?: string;
}
