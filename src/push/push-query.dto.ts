import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';

/** Where a push stands; `held`: it cannot be made as things are. */
export const PUSH_STATUSES = [
  'held',
  'pending',
  'sending',
  'unknown',
  'delivered',
  'confirmed',
  'disputed',
  'rejected',
  'shadow',
] as const;
export type PushStatus = (typeof PUSH_STATUSES)[number];

/** Query of GET /v1/pushes. */
export class PushQueryDto {
  @ApiPropertyOptional({ enum: PUSH_STATUSES })
  @IsOptional()
  @IsIn(PUSH_STATUSES)
  readonly status?: PushStatus;

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

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  readonly cursor?: string;

  @ApiPropertyOptional({ description: '1 to 1000, 100 by default' })
  @IsOptional()
  @IsString()
  readonly limit?: string;
}
