import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayUnique, IsArray, IsIn, IsOptional, IsString } from 'class-validator';
import {
  ANY_JSON,
  FREE_OBJECT,
  HASH,
  ID,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../../answers/answer-fields.js';
import { formatInstant, type Micros } from '../../domain/instant.js';
import { IsShortText } from '../../problem/field-rules.js';
import { SCOPES, type Scope } from '../scope.js';
import type { ApprovalRow, ApprovalSummaryRow } from './approval-decision.store.js';
import type { Decision } from './approval.service.js';
import { APPROVAL_STATES, type ApprovalState } from './approval.store.js';
import { ALWAYS_GUARDED, GUARDED_COMMANDS, type GuardedCommand } from './guarded-command.js';

const DECISIONS = ['approve', 'refuse'] as const satisfies readonly Decision[];
const REASON_CHARACTERS_MAX = 500;

/** Body of PUT /v1/approval-policy. */
export class PutApprovalPolicyDto {
  @ApiProperty({
    enum: GUARDED_COMMANDS,
    isArray: true,
    description: 'What one key asks for and another approves; none: nothing needs an approval.',
  })
  @IsArray()
  @ArrayUnique()
  @IsIn(GUARDED_COMMANDS, { each: true })
  readonly commands!: GuardedCommand[];
}

export class ApprovalPolicyAnswer {
  @ApiProperty({ enum: GUARDED_COMMANDS, isArray: true })
  readonly commands!: readonly GuardedCommand[];

  @ApiProperty({
    enum: GUARDED_COMMANDS,
    isArray: true,
    description: 'What needs an approval while there is a policy at all.',
  })
  readonly always!: readonly GuardedCommand[];
}

/** Query of GET /v1/approvals. */
export class ApprovalQueryDto {
  @ApiPropertyOptional({ enum: APPROVAL_STATES })
  @IsOptional()
  @IsIn(APPROVAL_STATES)
  readonly state?: ApprovalState;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  readonly cursor?: string;

  @ApiPropertyOptional({ description: '1 to 1000, 100 by default' })
  @IsOptional()
  @IsString()
  readonly limit?: string;
}

/** Body of POST /v1/approvals/:id/decisions. */
export class DecideApprovalDto {
  @ApiProperty({ enum: DECISIONS })
  @IsIn(DECISIONS)
  readonly decision!: Decision;

  @ApiProperty({ minLength: 1, maxLength: REASON_CHARACTERS_MAX })
  @IsShortText(REASON_CHARACTERS_MAX)
  readonly reason!: string;
}

class GuardedRequestAnswer {
  @ApiProperty({ description: 'Method and pattern.' })
  readonly route!: string;

  @ApiProperty({ ...FREE_OBJECT, description: 'What the path says for the pattern.' })
  readonly parameters!: unknown;

  @ApiProperty(FREE_OBJECT)
  readonly query!: unknown;

  @ApiProperty({ ...ANY_JSON, description: 'Without what may be secret.' })
  readonly body!: unknown;

  @ApiProperty({ type: [String], description: 'Members of the body that may be secret.' })
  readonly hidden_members!: readonly string[];

  @ApiProperty({
    ...HASH,
    description:
      'SHA-256 in hex of `[parameters, query, body]`, whole, as JSON without blanks and with the members of each object in order.',
  })
  readonly hash!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly idempotency_key!: string | null;
}

/** An approval as lists and decisions have it: what is to be approved stands in its own answer alone. */
export class ApprovalSummaryAnswer {
  @ApiProperty(ID)
  readonly id!: string;

  @ApiProperty({ enum: GUARDED_COMMANDS })
  readonly command!: GuardedCommand;

  @ApiProperty({ enum: SCOPES, description: 'What a key needs to decide on it.' })
  readonly scope!: Scope;

  @ApiProperty({ enum: APPROVAL_STATES })
  readonly state!: ApprovalState;

  @ApiProperty({ description: 'The id of a key.' })
  readonly requested_by!: string;

  @ApiProperty(INSTANT)
  readonly requested_at!: string;

  @ApiProperty({ ...INSTANT, description: 'By when it is decided and used.' })
  readonly expires_at!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly decided_by!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly decided_at!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly reason!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly used_by!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly used_at!: string | null;
}

export class ApprovalAnswer extends ApprovalSummaryAnswer {
  @ApiProperty()
  readonly request!: GuardedRequestAnswer;
}

export function fromPolicy(commands: readonly GuardedCommand[]): ApprovalPolicyAnswer {
  return { commands, always: commands.length === 0 ? [] : ALWAYS_GUARDED };
}

export function fromApproval(row: ApprovalRow): ApprovalAnswer {
  return {
    ...summaryOf(row),
    request: {
      route: row.route,
      parameters: row.parameters,
      query: row.query,
      body: row.body,
      hidden_members: row.hiddenMembers,
      hash: row.hash.toString('hex'),
      idempotency_key: row.idempotencyKey === '' ? null : row.idempotencyKey,
    },
  };
}

export function summaryOf(row: ApprovalSummaryRow): ApprovalSummaryAnswer {
  return {
    id: row.id,
    command: row.command,
    scope: row.scope,
    state: row.state,
    requested_by: row.requestedBy,
    requested_at: formatInstant(row.createdAt),
    expires_at: formatInstant(row.expiresAt),
    decided_by: row.decidedBy,
    decided_at: instantOrNull(row.decidedAt),
    reason: row.reason,
    used_by: row.usedBy,
    used_at: instantOrNull(row.usedAt),
  };
}

function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
