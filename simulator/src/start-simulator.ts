import { apiListener } from './api-server.js';
import { listen } from './listener.js';
import type { SimulatorOptions } from './options.js';
import { oracleListener } from './oracle.js';
import { Pipeline } from './pipeline.js';
import { RateLimiter, STRIPE_RATE_LIMITS, type RateLimits } from './rate-limit.js';
import { apiRoutes } from './routes.js';
import { Simulator } from './simulator.js';
import { WebhookRuns } from './webhook-run.js';
import { World } from './world.js';

const UNLIMITED: RateLimits = {
  meterEventsLive: Infinity,
  meterEventStreamLive: Infinity,
  overallSandbox: Infinity,
  overallLive: Infinity,
  perEndpoint: Infinity,
};

/** Starts a simulator and waits until both of its ports listen. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, oraclePort = 0, rateLimits } = options;
  const world = new World(options);
  const limits = rateLimits === false ? UNLIMITED : { ...STRIPE_RATE_LIMITS, ...rateLimits };
  const rateLimiter = new RateLimiter(limits);
  const pipeline = new Pipeline(world, apiRoutes(world), rateLimiter);
  const webhookRuns = new WebhookRuns(world);
  if (options.autoDeliver) webhookRuns.start();
  const simulator = new Simulator(world, rateLimiter, webhookRuns);
  const api = await listen(apiListener(pipeline), host, port);
  try {
    simulator.listenOn(api, await listen(oracleListener(simulator), host, oraclePort));
  } catch (error) {
    await api.close();
    throw error;
  }
  return simulator;
}
