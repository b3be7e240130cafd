import type { OpenApi } from '../../fuzz/generate/operations.js';
import type { Schema } from '../../fuzz/generate/schema-values.js';

/** Which members of described answers were seen: set, where they may be null, and lists with something in them. */
export class SeenMembers {
  private readonly seen = new Set<string>();

  constructor(private readonly document: OpenApi) {}

  /** Takes notice of an answer. */
  note(operation: string, status: number, body: unknown): void {
    this.walk(this.schemaOf(operation, status), body);
  }

  /** Members of answers that were noticed, which were never there. */
  never(): string[] {
    const known = [...this.seen].map((name) => name.split('.')[0]!);
    return [...new Set(known)].toSorted().flatMap((name) => {
      const { properties = {} } = this.document.components!.schemas![name]!;
      const members = Object.keys(properties).map((member) => `${name}.${member}`);
      return members.filter((member) => !this.seen.has(member));
    });
  }

  private schemaOf(operation: string, status: number): Schema {
    const [method, path] = operation.split(' ') as [string, string];
    const described = this.document.paths[path]![method.toLowerCase()]!;
    return described.responses[status]?.content?.['application/json']?.schema ?? {};
  }

  private walk(schema: Schema, value: unknown): void {
    if (schema.$ref !== undefined) return this.named(schema.$ref.split('/').at(-1)!, value);
    for (const each of [schema.anyOf, schema.oneOf, schema.allOf].flat()) {
      if (each !== undefined) this.walk(each, value);
    }
    if (Array.isArray(value)) for (const item of value) this.walk(schema.items ?? {}, item);
    else if (isObject(value)) this.members(schema, value, undefined);
  }

  private named(name: string, value: unknown): void {
    if (isObject(value)) this.members(this.document.components!.schemas![name]!, value, name);
  }

  private members(schema: Schema, value: Record<string, unknown>, name: string | undefined): void {
    for (const [member, described] of Object.entries(schema.properties ?? {})) {
      const given = value[member];
      const isFilled = given !== undefined && given !== null && !isEmptyList(given);
      if (isFilled && name !== undefined) this.seen.add(`${name}.${member}`);
      this.walk(described, given);
    }
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
