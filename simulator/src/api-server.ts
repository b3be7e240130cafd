import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorResponse, type ApiResponse } from './api-response.js';
import { ApiError } from './errors.js';
import { decodeForm, emptyForm, type FormObject } from './form-decoding.js';
import { randomId } from './ids.js';
import type { Answer, Pipeline } from './pipeline.js';
import { readBody, UnreadableBody } from './request-body.js';

/** The version that stripe-node 23.1.0 pins; answered when a client names none. */
const DEFAULT_API_VERSION = '2026-10-28.endive';

/** The HTTP side of the simulated API: decoding in front, headers behind. */
export function apiListener(pipeline: Pipeline): RequestListener {
  return (incoming, outgoing) => {
    serve(pipeline, incoming, outgoing).catch((error: unknown) => {
      if (!(error instanceof UnreadableBody)) console.error('stripe-simulator:', error);
      incoming.socket.destroy();
    });
  };
}

async function serve(
  pipeline: Pipeline,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const requestId = randomId('req_', 14);
  const answer = await answerTo(pipeline, incoming, requestId);
  if (answer === null) incoming.socket.destroy();
  else send(incoming, outgoing, requestId, answer);
}

async function answerTo(
  pipeline: Pipeline,
  incoming: IncomingMessage,
  requestId: string,
): Promise<Answer> {
  const body = await readBody(incoming);
  const url = incoming.url ?? '/';
  const mark = url.indexOf('?');
  let form: FormObject;
  try {
    form = decodeForm(mark < 0 ? '' : url.slice(mark + 1), emptyForm());
    if (incoming.method === 'POST') form = decodeForm(body, form);
  } catch (error) {
    if (error instanceof ApiError) return errorResponse(error);
    throw error;
  }
  return pipeline.answer({
    requestId,
    method: incoming.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    form,
    authorization: incoming.headers.authorization,
    idempotencyKey: headerOf(incoming, 'idempotency-key'),
  });
}

function send(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requestId: string,
  { status, body, headers }: ApiResponse,
): void {
  const idempotencyKey = headerOf(incoming, 'idempotency-key');
  outgoing.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Request-Id': requestId,
    'Stripe-Version': headerOf(incoming, 'stripe-version') ?? DEFAULT_API_VERSION,
    ...(idempotencyKey !== null && { 'Idempotency-Key': idempotencyKey }),
    // A request that is no replay is its own original; a replay overrides this below.
    ...(incoming.method === 'POST' && { 'Original-Request': requestId }),
    ...headers,
  });
  outgoing.end(body);
}

function headerOf(incoming: IncomingMessage, name: string): string | null {
  const value = incoming.headers[name];
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined || text === '' ? null : text;
}
