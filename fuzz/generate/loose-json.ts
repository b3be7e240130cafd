/** JSON text that goes out as it is: numbers that JavaScript would round, or no JSON at all. */
export class RawJson {
  constructor(readonly text: string) {}
}

/** An object whose members are listed, so that a name may stand twice. */
export class Members {
  constructor(readonly members: readonly (readonly [string, Loose])[]) {}
}

export type Loose =
  | string
  | number
  | boolean
  | null
  | RawJson
  | Members
  | readonly Loose[]
  | { readonly [name: string]: Loose };

export function toText(value: Loose): string {
  if (value instanceof RawJson) return value.text;
  if (value instanceof Members) return objectText(value.members);
  if (Array.isArray(value)) return `[${value.map(toText).join(',')}]`;
  if (typeof value === 'object' && value !== null) return objectText(Object.entries(value));
  return JSON.stringify(value);
}

function objectText(members: readonly (readonly [string, Loose])[]): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${toText(value)}`).join(',')}}`;
}
