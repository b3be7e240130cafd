import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsOptional, IsString, Matches } from 'class-validator';
import { COUNT, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { StripeAccountChange } from './stripe-account.service.js';
import type { StripeAccountRow } from './stripe-account.store.js';

/** Stripe itself lets an account have 16 endpoints; each may have two secrets while one is rolled. */
const WEBHOOK_SECRETS_MAX = 32;

/** An absent field keeps its value, null clears it. */
export class PutStripeAccountDto {
  @ApiPropertyOptional({
    writeOnly: true,
    description: 'sk_… or rk_…, needed at first. A restricted key may be one.',
  })
  @IsAbsentOr()
  @IsString()
  @Matches(/^[sr]k_(test|live)_[\x21-\x7e]{1,512}$/, {
    message: '$property must be a secret or restricted key of Stripe',
  })
  readonly secret_key?: string;

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    writeOnly: true,
    description: 'whsec_…, of every endpoint and destination that sends here.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(WEBHOOK_SECRETS_MAX)
  @Matches(/^whsec_[\x21-\x7e]{1,512}$/, {
    each: true,
    message: 'each of $property must be a signing secret of Stripe, whsec_…',
  })
  readonly webhook_secrets?: string[] | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'acct_…: the connected account to push to (Stripe Connect).',
  })
  @IsOptional()
  @IsString()
  @Matches(/^acct_\w{1,255}$/, { message: '$property must be an account id of Stripe, acct_…' })
  readonly stripe_account?: string | null;

  toChange(): StripeAccountChange {
    return {
      ...(this.secret_key !== undefined && { secretKey: this.secret_key }),
      ...(this.webhook_secrets !== undefined && { webhookSecrets: this.webhook_secrets }),
      ...(this.stripe_account !== undefined && { connectedAccount: this.stripe_account }),
    };
  }
}

/** What may be shown of it. */
export class StripeAccountAnswer {
  @ApiProperty({ description: 'The account that pushes go to.' })
  readonly account_id!: string;

  @ApiProperty()
  readonly livemode!: boolean;

  @ApiProperty()
  readonly secret_key_last4!: string;

  @ApiProperty({ ...COUNT, description: 'How many are set.' })
  readonly webhook_secret_count!: number;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The connected account.' })
  readonly stripe_account!: string | null;
}

export function fromStripeAccount(row: StripeAccountRow): StripeAccountAnswer {
  return {
    account_id: row.accountId,
    livemode: row.livemode,
    secret_key_last4: row.secretKeyLast4,
    webhook_secret_count: row.webhookSecretCount,
    stripe_account: row.connectedAccount,
  };
}
