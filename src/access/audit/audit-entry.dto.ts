import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import {
  COUNT,
  FREE_OBJECT_OR_NULL,
  HASH,
  INSTANT,
  TEXT_OR_NULL,
} from '../../answers/answer-fields.js';
import { PagedDto } from '../../database/paged.dto.js';
import { formatInstantMicros } from '../../domain/instant.js';
import { ACTOR_KINDS } from './actor.js';
import type { AuditRow } from './audit.store.js';

const ORDERS = ['newest', 'oldest'] as const;

/** Query of GET /v1/audit-entries. */
export class AuditEntryQueryDto extends PagedDto {
  @ApiPropertyOptional({ description: 'What was done, such as `period.closed`' })
  @IsOptional()
  @IsString()
  @Length(1, 100)
  readonly action?: string;

  @ApiPropertyOptional({
    description: 'The id of an API key, or `api_key`, `command_line` or `system`',
  })
  @IsOptional()
  @IsString()
  @Length(1, 400)
  readonly actor?: string;

  @ApiPropertyOptional({ description: 'What it was done to, such as `meter:tokens`' })
  @IsOptional()
  @IsString()
  @Length(1, 400)
  readonly subject?: string;

  @ApiPropertyOptional({ description: 'RFC 3339, inclusive' })
  @IsOptional()
  @IsString()
  readonly from?: string;

  @ApiPropertyOptional({ description: 'RFC 3339, exclusive' })
  @IsOptional()
  @IsString()
  readonly to?: string;

  @ApiPropertyOptional({ enum: ORDERS, description: 'Which come first; `newest` by default' })
  @IsOptional()
  @IsIn(ORDERS)
  readonly order?: (typeof ORDERS)[number];
}

class AuditActorAnswer {
  @ApiProperty({ enum: ACTOR_KINDS })
  readonly kind!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Of the key, or user@host.' })
  readonly id!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'What the key was called then.' })
  readonly name!: string | null;
}

export class AuditEntryAnswer {
  @ApiProperty({
    ...COUNT,
    minimum: 1,
    description: '1 is the first entry of the tenant; there are no gaps.',
  })
  readonly sequence!: number;

  @ApiProperty(INSTANT)
  readonly at!: string;

  @ApiProperty()
  readonly actor!: AuditActorAnswer;

  @ApiProperty()
  readonly action!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly subject!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly reason!: string | null;

  @ApiProperty(FREE_OBJECT_OR_NULL)
  readonly before!: unknown;

  @ApiProperty(FREE_OBJECT_OR_NULL)
  readonly after!: unknown;

  @ApiProperty({ description: 'Whether an erasure took subject, reason, before and after out.' })
  readonly erased!: boolean;

  @ApiProperty({ ...HASH, description: 'Of the entry before; zeros for the first.' })
  readonly previous_hash!: string;

  @ApiProperty(HASH)
  readonly hash!: string;
}

export function fromAuditRow(row: AuditRow): AuditEntryAnswer {
  return {
    sequence: row.sequence,
    at: formatInstantMicros(row.at),
    actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
    action: row.action,
    subject: row.subject,
    reason: row.reason,
    before: parsed(row.before),
    after: parsed(row.after),
    erased: row.salt === null,
    previous_hash: row.previousHash.toString('hex'),
    hash: row.hash.toString('hex'),
  };
}

function parsed(json: string | null): unknown {
  return json === null ? null : (JSON.parse(json) as unknown);
}
