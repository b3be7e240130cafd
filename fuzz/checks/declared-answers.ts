import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { operationsOf, type OpenApi, type Operation } from '../generate/operations.js';
import type { Answer } from '../send/http-door.js';
import { exactly } from './exact-schemas.js';

const FORMATS = {
  // Ours have three or six digits and a Z; what was sent is shown as it was sent.
  'date-time': /^\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(?:\.\d+)?(?:z|[+-]\d\d:\d\d)$/i,
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
} as const;

/** Holds answers against what the OpenAPI document says of them, to the last member. */
export class DeclaredAnswers {
  private readonly operations: ReadonlyMap<string, Operation>;
  private readonly validators = new Map<string, ValidateFunction | undefined>();
  private readonly ajv: Ajv2020;
  /** How many bodies were held against a schema. */
  validated = 0;

  constructor(document: OpenApi) {
    this.operations = new Map(
      operationsOf(document).map((operation) => [operation.name, operation]),
    );
    this.ajv = new Ajv2020({ strict: false, formats: FORMATS });
    this.ajv.addSchema({ $id: 'api', ...exactly(document) });
  }

  check(
    name: string,
    { status, headers, text }: Pick<Answer, 'status' | 'headers' | 'text'>,
  ): string[] {
    const operation = this.operations.get(name);
    if (operation === undefined) return [];
    const isListed = operation.responses[status] !== undefined;
    if (!isListed && status < 400) return [`${status} is not declared`];
    const declared = isListed ? String(status) : 'default';
    const response = operation.responses[declared];
    if (response === undefined) return [`${status} is not declared`];
    const type = headers['content-type'];
    const types = Object.keys(response.content ?? {});
    const media = type?.split(';')[0]?.trim();
    if (types.length > 0 && (media === undefined || !types.includes(media))) {
      return [`content type ${String(type)} of ${status} is not declared`];
    }
    if (media === undefined || !/[/+]json$/.test(media)) return [];
    return this.checkBody(operation, declared, media, text);
  }

  private checkBody(
    { path, method, responses }: Operation,
    declared: string,
    media: string,
    text: string,
  ): string[] {
    const pointer = ['paths', path, method.toLowerCase(), 'responses', declared, 'content', media]
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    if (!this.validators.has(pointer)) {
      const has = responses[declared]?.content?.[media]?.schema !== undefined;
      const validate = has ? this.ajv.compile({ $ref: `api#/${pointer}/schema` }) : undefined;
      this.validators.set(pointer, validate);
    }
    const validate = this.validators.get(pointer);
    if (validate === undefined) return [`nothing is said of the body of ${declared}`];
    this.validated++;
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return [`the body of ${declared} is no JSON`];
    }
    if (validate(body)) return [];
    const [error] = validate.errors ?? [];
    return [`${declared}: ${error?.instancePath ?? ''} ${error?.message ?? 'is not as declared'}`];
  }
}
