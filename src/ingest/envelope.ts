import { jsonPointer } from '../domain/json-pointer.js';
import { Problem, ValidationProblem } from '../problem/problem.js';

const EVENTS_MAX = 10_000;

/** The events of one request, each with its place in the document. */
export interface Envelope {
  readonly alone: boolean;
  readonly events: readonly unknown[];
  readonly pointers: readonly string[];
}

/**
 * Takes a body apart: one event, `{"events": [...]}` or a bare array.
 *
 * @throws Problem 400 where it is none of them, 422 where it is empty or too long.
 */
export function openEnvelope(body: unknown): Envelope {
  if (Array.isArray(body)) return batch(body, []);
  if (typeof body !== 'object' || body === null) {
    throw new Problem('bad_request', 'the body must be a usage event or {"events": [...]}');
  }
  if (!('events' in body)) return { alone: true, events: [body], pointers: [''] };
  const { events, ...others } = body as Record<string, unknown>;
  if (!Array.isArray(events)) throw new Problem('bad_request', 'events must be an array');
  const unknown = Object.keys(others);
  if (unknown.length > 0) {
    throw new ValidationProblem(
      unknown.map((name) => ({
        pointer: jsonPointer(name),
        code: 'unknown_field',
        detail: 'beside events nothing is read here',
      })),
    );
  }
  return batch(events, ['events']);
}

/**
 * Takes a CloudEvents body apart: its media type says whether it is one event or an array of them.
 *
 * @throws Problem 400 where it is the other, 422 where it is empty or too long.
 */
export function openCloudEvents(body: unknown, isBatch: boolean): Envelope {
  if (Array.isArray(body) !== isBatch || typeof body !== 'object' || body === null) {
    const detail = isBatch
      ? 'a body of application/cloudevents-batch+json must be an array'
      : 'a body of application/cloudevents+json must be one event, an object';
    throw new Problem('bad_request', detail);
  }
  return Array.isArray(body) ? batch(body, []) : { alone: true, events: [body], pointers: [''] };
}

function batch(events: readonly unknown[], path: readonly string[]): Envelope {
  const pointer = jsonPointer(...path);
  if (events.length === 0) throw envelopeProblem('batch_empty', pointer, 'send at least one event');
  if (events.length > EVENTS_MAX) {
    const detail = `${events.length} events were sent, a request takes at most ${EVENTS_MAX}; send NDJSON or several requests`;
    throw envelopeProblem('batch_too_long', pointer, detail);
  }
  return { alone: false, events, pointers: events.map((_, index) => `${pointer}/${index}`) };
}

function envelopeProblem(
  code: 'batch_empty' | 'batch_too_long',
  pointer: string,
  detail: string,
): Problem {
  return new Problem(code, detail, { errors: [{ pointer, code, detail }] });
}
