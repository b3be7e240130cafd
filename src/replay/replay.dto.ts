import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, Length } from 'class-validator';
import { IsAbsentOr } from '../problem/field-rules.js';

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
