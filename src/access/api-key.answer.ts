import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { formatInstant, MICROS_PER_MILLISECOND } from '../domain/instant.js';
import type { Rotation } from './api-key-rotation.service.js';
import type { ApiKey } from './api-key.entity.js';
import type { MadeApiKey } from './api-key.service.js';
import { SCOPES, type Scope } from './scope.js';

class ApiKeyFields {
  @ApiProperty({ description: 'The public part of the key.' })
  readonly id!: string;

  @ApiProperty({ description: 'What the key is for.' })
  readonly name!: string;

  @ApiProperty({ enum: SCOPES, isArray: true })
  readonly scopes!: readonly Scope[];

  @ApiProperty(INSTANT)
  readonly created_at!: string;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'When it is refused from; null: never.' })
  readonly expires_at!: string | null;
}

/** A key as lists show it. */
export class ApiKeyAnswer extends ApiKeyFields {
  @ApiProperty({ ...INSTANT_OR_NULL, description: 'To the minute; written some seconds later.' })
  readonly last_used_at!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly revoked_at!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The key that a rotation made in its place.' })
  readonly replaced_by!: string | null;
}

/** The only answer that ever holds the key. */
export class MadeApiKeyAnswer extends ApiKeyFields {
  @ApiPropertyOptional({
    description: 'Shown this once: left out where the answer is sent again by an idempotency key.',
  })
  readonly key!: string;
}

class ReplacedApiKeyAnswer {
  @ApiProperty()
  readonly id!: string;

  @ApiProperty({ ...INSTANT, description: 'When the overlap ends.' })
  readonly expires_at!: string;
}

export class RotatedApiKeyAnswer extends MadeApiKeyAnswer {
  @ApiProperty()
  readonly replaces!: ReplacedApiKeyAnswer;
}

export function fromMadeApiKey(key: MadeApiKey): MadeApiKeyAnswer {
  return {
    id: key.keyId,
    key: key.text,
    name: key.name,
    scopes: key.scopes,
    created_at: formatInstant(key.createdAt),
    expires_at: key.expiresAt === undefined ? null : formatInstant(key.expiresAt),
  };
}

export function fromRotation(rotation: Rotation): RotatedApiKeyAnswer {
  return {
    ...fromMadeApiKey(rotation.made),
    replaces: {
      id: rotation.replacedKeyId,
      expires_at: formatInstant(rotation.replacedExpiresAt),
    },
  };
}

export function fromApiKey(key: ApiKey): ApiKeyAnswer {
  return {
    id: key.keyId,
    name: key.name,
    scopes: key.scopes,
    created_at: fromDate(key.createdAt),
    expires_at: fromNullableDate(key.expiresAt),
    last_used_at: fromNullableDate(key.lastUsedAt),
    revoked_at: fromNullableDate(key.revokedAt),
    replaced_by: key.replacedBy,
  };
}

function fromDate(date: Date): string {
  return formatInstant(date.getTime() * MICROS_PER_MILLISECOND);
}

function fromNullableDate(date: Date | null): string | null {
  return date === null ? null : fromDate(date);
}
