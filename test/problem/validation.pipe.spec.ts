import { Type } from 'class-transformer';
import {
  IsArray,
  IsDefined,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { describe, expect, it } from 'vitest';
import { IsInstant, IsShortText } from '../../src/problem/field-rules.js';
import { Problem } from '../../src/problem/problem.js';
import { ProblemValidationPipe } from '../../src/problem/validation.pipe.js';

class PartDto {
  @IsInt()
  @Min(1)
  size!: number;
}

class WholeDto {
  @IsDefined()
  @IsString()
  @MaxLength(3)
  name!: string;

  @IsOptional()
  @Matches(/^a/, { context: { code: 'quantity_invalid' } })
  own?: string;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => PartDto)
  parts?: PartDto[];
}

const pipe = new ProblemValidationPipe();
const metadata = { type: 'body', metatype: WholeDto } as const;

async function errorsOf(body: unknown): Promise<string[]> {
  try {
    await pipe.transform(body, metadata);
    return [];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect([error.status, error.code]).toEqual([422, 'validation_failed']);
    return (error.errors ?? []).map(({ pointer, code }) => `${pointer} ${code}`);
  }
}

describe('the validation pipe', () => {
  it('makes a DTO of what is declared', async () => {
    const whole: unknown = await pipe.transform({ name: 'a', parts: [{ size: 1 }] }, metadata);
    expect(whole).toBeInstanceOf(WholeDto);
    expect((whole as WholeDto).parts?.[0]).toBeInstanceOf(PartDto);
  });

  it.each<[unknown, string[]]>([
    [{}, ['/name required']],
    [undefined, ['/name required']],
    [{ name: null }, ['/name required']],
    [{ name: 1 }, ['/name invalid_type']],
    [{ name: 'long' }, ['/name too_long']],
    [{ name: 'a', else: 1 }, ['/else unknown_field']],
    [{ name: 'a', own: 'b' }, ['/own quantity_invalid']],
    [{ name: 'a', parts: 1 }, ['/parts invalid_type']],
    [
      { name: 'a', parts: [{ size: 1 }, { size: '2' }, { size: 0 }, {}, { size: 1, 'x/y': 1 }] },
      [
        '/parts/1/size invalid_type',
        '/parts/2/size invalid',
        '/parts/3/size required',
        '/parts/4/x~1y unknown_field',
      ],
    ],
    [[{ name: 'a' }], [' invalid_type']],
    [[{ name: 1 }], [' invalid_type']],
    ['text', [' invalid_type']],
    [5, [' invalid_type']],
    [null, [' invalid_type']],
  ])('finds in %j: %j', async (body, errors) => {
    expect(await errorsOf(body)).toEqual(errors);
  });

  it('tells what is missing as that, whatever rule it breaks', async () => {
    class CommandDto {
      @IsShortText(3)
      reason!: string;

      @IsInstant()
      now!: string;
    }
    const command = { type: 'body', metatype: CommandDto } as const;
    await expect(pipe.transform({}, command)).rejects.toMatchObject({
      errors: [
        { pointer: '/reason', code: 'required' },
        { pointer: '/now', code: 'required' },
      ],
    });
    await expect(pipe.transform({ reason: null, now: 1 }, command)).rejects.toMatchObject({
      errors: [
        { pointer: '/reason', code: 'invalid_type' },
        { pointer: '/now', code: 'invalid' },
      ],
    });
  });

  it('takes no list for a DTO whose fields are all optional', async () => {
    class OptionalDto {
      @IsOptional()
      @IsString()
      a?: string;
    }
    const optional = { type: 'body', metatype: OptionalDto } as const;
    await expect(pipe.transform([], optional)).rejects.toBeInstanceOf(Problem);
    await expect(pipe.transform(undefined, optional)).resolves.toEqual({});
  });

  it('refuses what PostgreSQL cannot compare with in any query', async () => {
    const query = { type: 'query', metatype: Object } as const;
    for (const text of ['a\0', '\ud800', ['a', '\0']]) {
      await expect(pipe.transform({ name: text }, query)).rejects.toMatchObject({
        status: 422,
        errors: [{ pointer: '/name', code: 'invalid_text' }],
      });
    }
    expect(await pipe.transform({ name: ['a', '\u{1F600}'] }, query)).toEqual({
      name: ['a', '\u{1F600}'],
    });
  });

  it('leaves alone what no DTO declares', async () => {
    expect(await pipe.transform([1], { type: 'body', metatype: Object })).toEqual([1]);
    expect(await pipe.transform('a', { type: 'param', metatype: String })).toBe('a');
  });
});
