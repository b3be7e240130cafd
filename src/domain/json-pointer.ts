/** A JSON pointer (RFC 6901) to a member of the document, e.g. `/events/3/properties/a~1b`. */
export function jsonPointer(...segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
