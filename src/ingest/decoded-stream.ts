import { PassThrough, type Readable, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../problem/problem.js';

/** Larger than zlib's 16 KiB: fewer steps for the same bytes. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The decoded bytes of a request's body.
 *
 * Not `pipeline`, which destroys its source when it fails: the source is the request, and with it
 * goes the connection before the client has read what was wrong. Here the request is only let go
 * of: what is still to come is read off and dropped, at no cost of memory, until
 * `cutUnreadBodies` ends it. The stream may be left at any point, unread, half read, or destroyed.
 * What it fails with is what the client should hear.
 */
export function decodedStream(raw: Readable, isGzip: boolean): Readable {
  const decoded = isGzip ? gunzip() : new PassThrough({ highWaterMark: CHUNK_BYTES });
  const fail = (cause?: Error) => {
    const detail = 'the connection ended before the body did';
    decoded.destroy(new Problem('request_aborted', detail, { cause }));
  };
  raw.once('error', fail);
  raw.once('close', () => {
    if (!raw.readableEnded) fail();
  });
  decoded.once('close', () => {
    raw.unpipe(decoded);
    raw.resume();
  });
  // Who reads gets the error from reading; without a listener, an abort that nobody is reading at
  // that moment would end the process.
  decoded.on('error', () => undefined);
  raw.pipe(decoded);
  return decoded;
}

/** zlib ends its stream by `destroy`, so whoever reads it, and whenever, meets the problem. */
function gunzip(): Transform {
  const inflating = createGunzip({ chunkSize: CHUNK_BYTES });
  const destroy = inflating.destroy.bind(inflating);
  inflating.destroy = (error) => destroy(readingProblem(error));
  return inflating;
}

function readingProblem(error: Error | undefined): Error | undefined {
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  // zlib: Z_DATA_ERROR, and Z_BUF_ERROR where the end is missing.
  return error !== undefined && code.startsWith('Z_')
    ? new Problem('invalid_gzip', error.message, { cause: error })
    : error;
}
