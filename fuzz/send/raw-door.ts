import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RawPlan } from '../plan.js';

/** Nothing comes any more: the service waits for us, or has said all. */
const QUIET_MS = 600;
const DRIP_MS = 400;
const DRIPS = 40;

/** One answer out of what came over a socket. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** Sends bytes and returns all that comes back, as text of a byte a character. */
export function sendRaw(
  port: number,
  bytes: Buffer,
  { hangsUp, drips }: Pick<RawPlan, 'hangsUp' | 'drips'>,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const done = (): void => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    socket.setTimeout(drips ? DRIP_MS * 4 : QUIET_MS, done);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', done);
    socket.on('end', done);
    socket.on('close', done);
    socket.on('connect', () => {
      if (drips) void drip(socket, bytes);
      else if (hangsUp) socket.write(bytes, () => setTimeout(done, 5));
      else socket.write(bytes);
    });
  });
}

async function drip(socket: ReturnType<typeof connect>, bytes: Buffer): Promise<void> {
  for (let at = 0; at < Math.min(bytes.length, DRIPS) && !socket.destroyed; at++) {
    socket.write(bytes.subarray(at, at + 1));
    await sleep(DRIP_MS);
  }
}

/** @returns undefined where what came is no HTTP. */
export function readAnswers(text: string): RawAnswer[] | undefined {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const head = /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) return undefined;
    rest = rest.slice(head[0].length);
    const status = Number(head[1]);
    if (status < 200) continue;
    const header = (name: string): string | undefined =>
      new RegExp(`^${name}: *([^\\r\\n]*)`, 'im').exec(head[2]!)?.[1];
    const length = header('content-length');
    const body = length === undefined ? chunked(rest) : rest.slice(0, Number(length));
    rest = length === undefined ? '' : rest.slice(Number(length));
    const bytes = Buffer.from(body, 'latin1').toString();
    answers.push({
      status,
      contentType: header('content-type'),
      retryAfter: header('retry-after'),
      text: bytes,
    });
  }
  return answers;
}

/** Of answers in chunks only whether something came matters: what they say is read elsewhere. */
function chunked(text: string): string {
  return text.replaceAll(/^[0-9a-f]+\r\n|\r\n[0-9a-f]+\r\n/g, '');
}
