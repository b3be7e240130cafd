import { adjustmentRoutes } from './adjustments.js';
import { accountRoutes, customerRoutes } from './customers.js';
import { meterEventRoutes } from './meter-events.js';
import { meterRoutes } from './meters.js';
import type { Route } from './route.js';
import { summaryRoutes } from './summaries.js';
import type { World } from './world.js';

/** Every endpoint of the simulated API. */
export function apiRoutes(world: World): Route[] {
  return [
    ...accountRoutes(),
    ...customerRoutes(world),
    ...meterRoutes(world),
    ...summaryRoutes(world),
    ...meterEventRoutes(world),
    ...adjustmentRoutes(world),
  ];
}
