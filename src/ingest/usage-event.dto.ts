import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import {
  AreFlatProperties,
  IsDecimalQuantity,
  IsExactQuantity,
  IsInstantText,
  IsNotEmptyText,
  IsPresent,
  IsPropertiesObject,
  IsShortText,
  IsStorableText,
  IsText,
  IsTextOrNumber,
} from './usage-event.constraints.js';
import { MAX_PROPERTIES, MAX_TEXT_CHARACTERS } from './usage-event-limits.js';

const NAME = { type: String, minLength: 1, maxLength: MAX_TEXT_CHARACTERS };

/** Unlike IsOptional, lets the other rules see null. */
const IsAbsentOr = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/**
 * The shape of a usage event on the wire. The order of the decorators does not matter; which error
 * is told where several rules break is decided in `usage-event-errors.ts`.
 */
export class UsageEventDto {
  @ApiProperty({
    ...NAME,
    description: 'Unique per tenant and source, for ever. Opaque: never trimmed or folded.',
    example: 'evt_01HF8Z6Q',
  })
  @IsPresent()
  @IsText()
  @IsNotEmptyText()
  @IsShortText()
  @IsStorableText()
  readonly usage_event_id!: string;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_TEXT_CHARACTERS,
    default: '',
    description: 'Who made the id.',
  })
  @IsAbsentOr()
  @IsText()
  @IsShortText()
  @IsStorableText()
  readonly source?: string;

  @ApiProperty({ ...NAME, description: "A customer's id or alias.", example: 'cus_42' })
  @IsPresent()
  @IsText()
  @IsNotEmptyText()
  @IsShortText()
  @IsStorableText()
  readonly customer_id!: string;

  @ApiProperty({
    ...NAME,
    description: "A meter's key, or an event type that meters list.",
    example: 'api_calls',
  })
  @IsPresent()
  @IsText()
  @IsNotEmptyText()
  @IsShortText()
  @IsStorableText()
  readonly meter!: string;

  @ApiPropertyOptional({
    oneOf: [
      { type: 'string', pattern: '^-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,12})?$' },
      { type: 'number' },
    ],
    description:
      'Required where a matching meter reads it. A JSON number has at most 15 significant digits ' +
      'and no exponent. A negative one needs the scope usage:adjust.',
    example: '12.5',
  })
  @IsAbsentOr()
  @IsTextOrNumber()
  @IsExactQuantity()
  @IsDecimalQuantity()
  readonly quantity?: string | number;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    description: 'With offset, to the microsecond. Absent: the time of first receipt.',
  })
  @IsAbsentOr()
  @IsText()
  @IsInstantText()
  readonly occurred_at?: string;

  @ApiPropertyOptional({
    type: 'object',
    maxProperties: MAX_PROPERTIES,
    additionalProperties: {
      oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }],
    },
    description: 'Flat, at most 4 KiB of JSON.',
    example: { region: 'eu' },
  })
  @IsAbsentOr()
  @IsPropertiesObject()
  @AreFlatProperties()
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}
