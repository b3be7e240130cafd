import { ApiProperty } from '@nestjs/swagger';
import { DECIMAL, INSTANT } from '../answers/answer-fields.js';
import { VOID_KINDS, type VoidKind } from '../domain/place-usage.js';
import type { VoidEffect } from '../ledger/void.store.js';

/** What a void changed in one meter. */
export class VoidEffectAnswer implements VoidEffect {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty({ ...INSTANT, description: 'Of the period whose value changed.' })
  readonly period_start!: string;

  @ApiProperty({ enum: VOID_KINDS })
  readonly kind!: VoidKind;

  @ApiProperty({ ...DECIMAL, description: 'By how much.' })
  readonly value!: string;
}
