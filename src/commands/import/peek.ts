/**
 * Looks at the first bytes of a stream, however small the pieces are that it comes in.
 *
 * @returns Fewer bytes only where there are no more; and the stream from its beginning.
 */
export async function peek(
  chunks: AsyncGenerator<Uint8Array>,
  bytes: number,
): Promise<{ head: Uint8Array; whole: AsyncGenerator<Uint8Array> }> {
  let head: Uint8Array = Buffer.alloc(0);
  while (head.length < bytes) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    yield* chunks;
  }
  return { head, whole: whole() };
}
