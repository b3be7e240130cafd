import { ApiError, noSuch } from './errors.js';
import type { Parameters } from './parameters.js';

const LIMIT_MAX = 100;
const LIMIT_DEFAULT = 10;

export interface Page {
  limit: number;
  startingAfter: string | undefined;
  endingBefore: string | undefined;
}

export function readPage(parameters: Parameters): Page {
  const limit = parameters.integer('limit') ?? LIMIT_DEFAULT;
  if (limit < 1 || limit > LIMIT_MAX) {
    const message = `Invalid limit: must be between 1 and ${LIMIT_MAX} (it currently is '${limit}').`;
    throw new ApiError(400, message, { code: 'parameter_invalid_integer', param: 'limit' });
  }
  const startingAfter = parameters.text('starting_after', 5000);
  const endingBefore = parameters.text('ending_before', 5000);
  if (startingAfter !== undefined && endingBefore !== undefined) {
    throw new ApiError(
      400,
      'You may only specify one of these parameters: ending_before, starting_after.',
    );
  }
  return { limit, startingAfter, endingBefore };
}

/** Stripe's list envelope over all items, newest first. */
export function listOf<Item extends { id: string }>(
  kind: string,
  url: string,
  items: readonly Item[],
  page: Page,
): object {
  const { start, end, hasMore } = slice(kind, items, page);
  return { object: 'list', data: items.slice(start, end), has_more: hasMore, url };
}

function slice<Item extends { id: string }>(kind: string, items: readonly Item[], page: Page) {
  const { limit, startingAfter, endingBefore } = page;
  if (endingBefore !== undefined) {
    const end = indexOf(kind, items, endingBefore, 'ending_before');
    const start = Math.max(0, end - limit);
    return { start, end, hasMore: start > 0 };
  }
  const start =
    startingAfter === undefined ? 0 : indexOf(kind, items, startingAfter, 'starting_after') + 1;
  const end = Math.min(items.length, start + limit);
  return { start, end, hasMore: end < items.length };
}

function indexOf(kind: string, items: readonly { id: string }[], id: string, param: string) {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0) throw noSuch(kind, id, param, 400);
  return index;
}
