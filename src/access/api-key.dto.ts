import { ApiProperty } from '@nestjs/swagger';
import { ArrayNotEmpty, ArrayUnique, IsArray, IsIn } from 'class-validator';
import { IsShortText } from '../problem/field-rules.js';
import { formatInstant, MICROS_PER_MILLISECOND } from '../domain/instant.js';
import type { ApiKey } from './api-key.entity.js';
import type { MadeApiKey } from './api-key.service.js';
import { SCOPES, type Scope } from './scope.js';

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
}

/** The only answer that ever holds the key. */
export function fromMadeApiKey(key: MadeApiKey): Record<string, unknown> {
  return {
    id: key.keyId,
    key: key.text,
    name: key.name,
    scopes: key.scopes,
    created_at: formatInstant(key.createdAt),
  };
}

export function fromApiKey(key: ApiKey): Record<string, unknown> {
  return {
    id: key.keyId,
    name: key.name,
    scopes: key.scopes,
    created_at: fromDate(key.createdAt),
    revoked_at: key.revokedAt === null ? null : fromDate(key.revokedAt),
  };
}

function fromDate(date: Date): string {
  return formatInstant(date.getTime() * MICROS_PER_MILLISECOND);
}
