import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString } from 'class-validator';

/** The page of a list that is asked for; `readPage` reads it. */
export class PagedDto {
  @ApiPropertyOptional({
    description: '`next_cursor` of the page before, under the same other parameters',
  })
  @IsOptional()
  @IsString()
  readonly cursor?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @IsString()
  readonly limit?: string;
}
