import { adjustmentRoutes } from './adjustments.js';
import { accountRoutes } from './account-routes.js';
import { coreEventRoutes } from './core-events.js';
import { customerRoutes } from './customers.js';
import { invoiceRoutes } from './invoices.js';
import { meterEventRoutes } from './meter-events.js';
import { meterRoutes } from './meters.js';
import { priceRoutes } from './prices.js';
import { productRoutes } from './products.js';
import type { Route } from './route.js';
import { subscriptionItemRoutes } from './subscription-item-routes.js';
import { subscriptionRoutes } from './subscriptions.js';
import { summaryRoutes } from './summaries.js';
import { v2StreamRoutes } from './v2-event-stream.js';
import { v2MeterEventRoutes } from './v2-meter-events.js';
import type { World } from './world.js';

/** Every endpoint of the simulated API. */
export function apiRoutes(world: World): Route[] {
  return [
    ...accountRoutes(world),
    ...customerRoutes(world),
    ...meterRoutes(world),
    ...summaryRoutes(world),
    ...meterEventRoutes(world),
    ...adjustmentRoutes(world),
    ...productRoutes(world),
    ...priceRoutes(world),
    ...subscriptionRoutes(world),
    ...subscriptionItemRoutes(world),
    ...invoiceRoutes(world),
    ...coreEventRoutes(world),
    ...v2MeterEventRoutes(world),
    ...v2StreamRoutes(world),
  ];
}
