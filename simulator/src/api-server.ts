import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { apiOf, errorResponse } from './api-response.js';
import { API_VERSION } from './api-version.js';
import { ApiError } from './errors.js';
import { decodeForm, decodeJson, emptyForm, type FormObject } from './form-decoding.js';
import type { Answer, Pipeline } from './pipeline.js';
import { readBody, UnreadableBody } from './request-body.js';

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
  const requestId = pipeline.newRequestId();
  const answer = await answerTo(pipeline, incoming, outgoing, requestId);
  if (answer === 'hang') return;
  if (answer === 'reset') {
    incoming.socket.destroy();
    return;
  }
  const { response, half } = answer;
  outgoing.writeHead(response.status, {
    Date: new Date(pipeline.nowMs()).toUTCString(),
    'Content-Length': Buffer.byteLength(response.body),
    ...headersOf(incoming, requestId),
    ...response.headers,
  });
  if (!half) {
    outgoing.end(response.body);
    return;
  }
  const bytes = Buffer.from(response.body);
  outgoing.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => incoming.socket.destroy());
}

async function answerTo(
  pipeline: Pipeline,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requestId: string,
): Promise<Answer> {
  const body = await readBody(incoming);
  const url = incoming.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  let form: FormObject;
  try {
    form = decodeForm(mark < 0 ? '' : url.slice(mark + 1), emptyForm());
    const decodeBody = apiOf(path) === 'v1' ? decodeForm : decodeJson;
    if (incoming.method === 'POST') form = decodeBody(body, form);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { response: errorResponse(error, apiOf(path)), half: false };
  }
  return pipeline.answer({
    requestId,
    method: incoming.method ?? 'GET',
    path,
    form,
    authorization: incoming.headers.authorization,
    onBehalfOf: headerOf(incoming, 'stripe-account') ?? headerOf(incoming, 'stripe-context'),
    idempotencyKey: headerOf(incoming, 'idempotency-key'),
    apiVersion: headerOf(incoming, 'stripe-version'),
    onClosed: (closed) => outgoing.once('close', closed),
  });
}

function headersOf(incoming: IncomingMessage, requestId: string): Record<string, string> {
  const idempotencyKey = headerOf(incoming, 'idempotency-key');
  return {
    'Content-Type': 'application/json',
    'Request-Id': requestId,
    'Stripe-Version': headerOf(incoming, 'stripe-version') ?? API_VERSION,
    ...(idempotencyKey !== null && { 'Idempotency-Key': idempotencyKey }),
    // A request that is no replay is its own original; a replay overrides it.
    ...(incoming.method === 'POST' && { 'Original-Request': requestId }),
  };
}

function headerOf(incoming: IncomingMessage, name: string): string | null {
  const value = incoming.headers[name];
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined || text === '' ? null : text;
}
