import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { parseStrictJson } from '../domain/strict-json.js';
import { decodeUtf8 } from '../domain/utf8.js';
import { Problem } from '../problem/problem.js';
import { BodyBudget } from './body-budget.js';
import { decodedStream } from './decoded-stream.js';
import { cutUnreadBodies } from './unread-body.js';

/** Of a body in one piece, decoded; NDJSON has no limit but that of a line. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes its JSON as it came, in a Buffer of at most so many bytes: it is signed. */
    rawBodyBytesMax?: number;
    /** The route takes JSON of so many levels, and judges each part of it by itself. */
    jsonLevelsMax?: number;
    /** The route takes NDJSON, as a stream. */
    takesLines?: boolean;
  }
}

/** Tests set others; nobody can wait for these. */
export interface BodyLimits {
  readonly streamSpanMs?: number;
  readonly lingerMs?: number;
  readonly budget?: BodyBudget;
}

const JSON_TYPES = /^application\/(?:cloudevents(?:-batch)?\+)?json *(?:;|$)/i;

/** From the headers to the last byte of a body in one piece: a byte a second must not hold us. */
const WHOLE_BODY_MS = 15_000;
/** Of a stream, which may be of any length, there must come so much in each of these spans. */
const STREAM_SPAN_MS = 30_000;
/** Less than the shortest usage event; a byte a second is not enough. */
const STREAM_BYTES_MIN = 64;

const NDJSON_TYPES = /^application\/(?:x-ndjson|ndjson|jsonl) *(?:;|$)/i;

const CHARSET = /; *charset *= *"?([^";]*)/i;

/**
 * Reads the bodies of all routes, in place of Fastify's own parsers, which inflate nothing, keep
 * the last of two equal keys, and count bytes by another limit.
 *
 * JSON arrives parsed. NDJSON arrives, where a route takes it, as a Readable of decoded bytes that
 * nothing has been read of. Every other type is 415. Nest must be created with `bodyParser: false`,
 * or it adds its own again.
 */
export function registerBodyParsers(
  fastify: FastifyInstance,
  { streamSpanMs, lingerMs, budget }: BodyLimits = {},
): void {
  const bodies = budget ?? new BodyBudget();
  bodies.register(fastify);
  cutUnreadBodies(fastify, lingerMs);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(JSON_TYPES, async (request: FastifyRequest, raw: Readable) => {
    requireUtf8(request);
    const { rawBodyBytesMax, jsonLevelsMax } = request.routeOptions.config;
    if (rawBodyBytesMax !== undefined) return readWhole(request, raw, rawBodyBytesMax, bodies);
    return readJson(await readWhole(request, raw, MAX_BODY_BYTES, bodies), jsonLevelsMax);
  });
  fastify.addContentTypeParser(NDJSON_TYPES, async (request: FastifyRequest, raw: Readable) => {
    if (request.routeOptions.config.takesLines !== true) {
      throw new Problem('unsupported_media_type', 'this route takes no lines, but JSON');
    }
    requireUtf8(request);
    return cutWhenSlow(raw, decodedStream(raw, isGzip(request)), streamSpanMs);
  });
  // A refused request leaves its NDJSON unread; only this frees the connection for the next one.
  fastify.addHook('onResponse', async (request) => {
    if (request.body instanceof Readable) request.body.destroy();
  });
}

async function readWhole(
  request: FastifyRequest,
  raw: Readable,
  bytesMax: number,
  budget: BodyBudget,
): Promise<Buffer> {
  const gzip = isGzip(request);
  if (Number(request.headers['content-length']) > bytesMax) throw tooLarge(bytesMax);

  const decoded = decodedStream(raw, gzip);
  const deadline = setTimeout(() => decoded.destroy(tooSlow()), WHOLE_BODY_MS);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of decoded as AsyncIterable<Buffer>) {
      length += chunk.length;
      // A bomb is inflated up to here and no further.
      if (length > bytesMax) throw tooLarge(bytesMax);
      budget.take(request, chunk.length);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(deadline);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}

function readJson(bytes: Buffer, maxDepth: number | undefined): unknown {
  if (bytes.length === 0) throw new Problem('empty_body', 'the body has no bytes');
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new Problem('invalid_utf8', 'the body is not UTF-8');
  const parsed = parseStrictJson(text, maxDepth === undefined ? {} : { maxDepth });
  if (!parsed.ok) throw new Problem(parsed.code, parsed.detail);
  return parsed.value;
}

/** Read as UTF-8, a body in another charset would be refused at best, and misread at worst. */
function requireUtf8(request: FastifyRequest): void {
  const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1]?.trim();
  if (charset === undefined || /^utf-?8$/i.test(charset)) return;
  throw new Problem('unsupported_media_type', `the charset ${charset} is not read, utf-8 is`);
}

function isGzip(request: FastifyRequest): boolean {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'gzip' || encoding === 'x-gzip') return true;
  if (encoding === 'identity' || encoding === '') return false;
  throw new Problem('unsupported_content_encoding', `${encoding} is not read, gzip is`, {
    headers: { 'accept-encoding': 'gzip' },
  });
}

/** Waiting for us to read on does not count: only the client's own slowness does. */
function cutWhenSlow(raw: Readable, decoded: Readable, spanMs = STREAM_SPAN_MS): Readable {
  let received = 0;
  raw.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  const spans = setInterval(() => {
    const waitsForUs = raw.isPaused() || decoded.readableLength > 0;
    if (!waitsForUs && received < STREAM_BYTES_MIN) decoded.destroy(tooSlow());
    received = 0;
  }, spanMs);
  decoded.once('close', () => clearInterval(spans));
  return decoded;
}

function tooSlow(): Problem {
  return new Problem('request_timeout', 'the body took too long to arrive', {
    headers: { connection: 'close' },
  });
}

function tooLarge(bytesMax: number): Problem {
  return new Problem('payload_too_large', `the body is larger than ${bytesMax} bytes decoded`);
}
