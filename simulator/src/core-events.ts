import { readCreated } from './created-filter.js';
import { ApiError, noSuch } from './errors.js';
import { listOf, readPage } from './lists.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

/** Classic events under v1, thin ones with their data under v2. */
export function coreEventRoutes(world: World): Route[] {
  return [
    { method: 'GET', path: '/v1/events', plan: (call) => planList(world, call) },
    { method: 'GET', path: '/v1/events/:id', plan: (call) => planGet(world, call) },
    { method: 'GET', path: '/v2/core/events', plan: (call) => planListThin(world, call) },
    { method: 'GET', path: '/v2/core/events/:id', plan: (call) => planGetThin(world, call) },
  ];
}

function planGet(world: World, { account, parameters, pathId }: Call): Plan {
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const event = account.coreEvents.snapshot(pathId, world.clock.nowMs());
      if (!event) throw noSuch('event', pathId, 'id', 404);
      const pending = world.webhooks.unanswered(pathId);
      return { ...event, pending_webhooks: pending };
    },
  };
}

/** Filters by `type`, `types[]` and `created`. */
function planList(world: World, { account, parameters }: Call): Plan {
  const page = readPage(parameters);
  const type = parameters.text('type', 5000);
  const types = Object.values(parameters.map('types') ?? {});
  const created = readCreated(parameters);
  parameters.end();
  const wanted = type === undefined ? types : [type];
  return {
    lane: null,
    execute: () => {
      const events = account.coreEvents.snapshots(world.clock.nowMs()).filter((event) => {
        const { created: at } = event;
        return (wanted.length === 0 || wanted.includes(event.type)) && created(at);
      });
      return listOf('event', '/v1/events', events.reverse(), page);
    },
  };
}

function planGetThin(world: World, { account, parameters, pathId }: Call): Plan {
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const event = account.coreEvents.thin(pathId, world.clock.nowMs());
      if (event) return event;
      throw new ApiError(404, `Event ${pathId} not found.`, { code: 'not_found' });
    },
  };
}

const THIN_LIMIT_DEFAULT = 20;

/** The v2 envelope: no `has_more`, but addresses of the pages beside this one. */
function planListThin(world: World, { account, parameters }: Call): Plan {
  const limit = parameters.integer('limit') ?? THIN_LIMIT_DEFAULT;
  const start = Number(parameters.text('page', 20) ?? 0);
  const objectId = parameters.text('object_id', 5000);
  const types = Object.values(parameters.map('types') ?? {});
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const events = account.coreEvents
        .thins(world.clock.nowMs())
        .filter(({ type, related_object: related }) => {
          if (types.length > 0 && !types.includes(type)) return false;
          return objectId === undefined || related?.id === objectId;
        })
        .reverse();
      const page = (from: number) => `/v2/core/events?limit=${limit}&page=${from}`;
      return {
        data: events.slice(start, start + limit),
        next_page_url: start + limit < events.length ? page(start + limit) : null,
        previous_page_url: start > 0 ? page(Math.max(0, start - limit)) : null,
      };
    },
  };
}
