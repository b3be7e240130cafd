import { ApiProperty } from '@nestjs/swagger';
import { IsIn, Length } from 'class-validator';

/** What a person found out about a push. */
export class PushResolutionDto {
  @ApiProperty({ enum: ['delivered', 'not_delivered'] })
  @IsIn(['delivered', 'not_delivered'])
  as!: 'delivered' | 'not_delivered';

  /** Who looked where, for whoever asks later. */
  @ApiProperty({ minLength: 1, maxLength: 500 })
  @Length(1, 500)
  reason!: string;
}
