import { apiListener } from './api-server.js';
import { Faults } from './faults.js';
import { listen } from './listener.js';
import type { SimulatorOptions } from './options.js';
import { oracleListener } from './oracle.js';
import { Pipeline } from './pipeline.js';
import { RateLimiter, STRIPE_RATE_LIMITS, type RateLimits } from './rate-limit.js';
import { apiRoutes } from './routes.js';
import { Simulator } from './simulator.js';
import { World } from './world.js';

const UNLIMITED: RateLimits = {
  meterEventsLive: Infinity,
  overallSandbox: Infinity,
  overallLive: Infinity,
  perEndpoint: Infinity,
};

/** Starts a simulator and waits until both of its ports listen. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, oraclePort = 0, rateLimits } = options;
  const world = new World(options);
  const faults = new Faults();
  const limits = rateLimits === false ? UNLIMITED : { ...STRIPE_RATE_LIMITS, ...rateLimits };
  const rateLimiter = new RateLimiter(limits);
  const pipeline = new Pipeline(world, apiRoutes(world), rateLimiter, faults);
  const simulator = new Simulator(world, faults, rateLimiter);
  const api = await listen(apiListener(pipeline), host, port);
  try {
    simulator.listenOn(api, await listen(oracleListener(simulator), host, oraclePort));
  } catch (error) {
    await api.close();
    throw error;
  }
  return simulator;
}
