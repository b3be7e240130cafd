import { ApiProperty } from '@nestjs/swagger';
import { INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { INVOICE_STATUSES, type InvoiceStatus } from '../stripe/stripe-invoices.js';

/** The Stripe invoice that bills a period: of several the one that can still change, else the newest. */
export class BillingInvoiceAnswer {
  @ApiProperty()
  readonly id!: string;

  @ApiProperty({ enum: INVOICE_STATUSES })
  readonly status!: InvoiceStatus;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'When the draft becomes final by itself.' })
  readonly finalizes_at!: string | null;
}
