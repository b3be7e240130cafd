import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problem/problem.js';

/** Of decoded bodies that one process holds at a time; sixteen of the largest. */
const HELD_BYTES_MAX = 256 * 1024 * 1024;

/** Keeps the bodies in one piece that are in memory at once within a bound; streams hold little. */
export class BodyBudget {
  private readonly ofRequests = new WeakMap<FastifyRequest, number>();
  private heldBytes = 0;

  constructor(private readonly bytesMax: number = HELD_BYTES_MAX) {}

  /** @throws Problem `overloaded` where the bodies of others leave no room. */
  take(request: FastifyRequest, bytes: number): void {
    if (this.heldBytes + bytes > this.bytesMax) {
      throw new Problem('overloaded', 'too many large bodies at once; send it again soon');
    }
    this.heldBytes += bytes;
    this.ofRequests.set(request, (this.ofRequests.get(request) ?? 0) + bytes);
  }

  /** Gives back what a request took once its answer is made. */
  register(fastify: FastifyInstance): void {
    fastify.addHook('onSend', async (request) => {
      this.heldBytes -= this.ofRequests.get(request) ?? 0;
      this.ofRequests.delete(request);
    });
  }
}
