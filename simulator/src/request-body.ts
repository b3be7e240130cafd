import type { IncomingMessage } from 'node:http';

/** Far above any request of the API; a bound against hostile clients. */
const BODY_BYTES_MAX = 1024 * 1024;

/** The client went away, or sent more than anyone should; there is nobody to answer. */
export class UnreadableBody extends Error {}

export async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) throw new UnreadableBody('The body is too large.');
      chunks.push(chunk);
    }
  } catch (error) {
    throw new UnreadableBody('The body could not be read.', { cause: error });
  }
  return Buffer.concat(chunks).toString('utf8');
}
