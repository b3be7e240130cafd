import type { Socket } from 'node:net';
import { finished } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { Problem } from '../problem/problem.js';

/** Of one process: each may hold a body of some MiB and wait for a connection. */
const IN_FLIGHT_MAX = 1_000;
/** So that no key takes all of them, with streams that it leaves open, say. */
const IN_FLIGHT_PER_KEY_MAX = 500;

export interface InFlightLimits {
  readonly max: number;
  readonly perKeyMax: number;
}

interface Place {
  key: string | undefined;
  /** The handler has come to its answer: what it did is over, whether anybody listens or not. */
  isAnswered: boolean;
  /** The answer has gone out, or cannot. */
  isOver: boolean;
}

/**
 * Turns requests under /v1 away where too many are worked on already. A place is free again when the
 * handler has answered and the answer has left, so that neither who hangs up nor who reads slowly
 * can have more work done than that. Health and metrics are always answered.
 *
 * To be called around `registerAuthentication`: the places of all before it, those of keys after it.
 */
export class InFlight {
  private readonly places = new Map<FastifyRequest, Place>();
  private readonly ofKeys = new Map<string, number>();
  /** Answers that wait behind others on one connection are not told that it is gone. */
  private readonly ofSockets = new WeakMap<Socket, Set<FastifyRequest>>();

  constructor(
    private readonly metrics: Metrics,
    private readonly limits: InFlightLimits = {
      max: IN_FLIGHT_MAX,
      perKeyMax: IN_FLIGHT_PER_KEY_MAX,
    },
  ) {}

  get size(): number {
    return this.places.size;
  }

  registerAll(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', async (request, reply) => {
      if (!/^\/v1(?:\/|$)/.test(request.routeOptions.url ?? '')) return;
      if (this.places.size >= this.limits.max) throw this.overloaded('too many requests at once');
      this.take(request, reply);
    });
    fastify.addHook('onSend', async (request) => {
      const place = this.places.get(request);
      if (place === undefined) return;
      place.isAnswered = true;
      if (request.raw.socket.destroyed) place.isOver = true;
      this.leaveWhenDone(request, place);
    });
  }

  registerKeys(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', async (request) => {
      const place = this.places.get(request);
      if (place === undefined || request.principal === undefined) return;
      const key = `${request.principal.tenantId} ${request.principal.keyId}`;
      const count = this.ofKeys.get(key) ?? 0;
      if (count >= this.limits.perKeyMax) throw this.overloaded('too many requests of this key');
      place.key = key;
      this.ofKeys.set(key, count + 1);
    });
  }

  private take(request: FastifyRequest, reply: FastifyReply): void {
    const place: Place = { key: undefined, isAnswered: false, isOver: false };
    this.places.set(request, place);
    this.requestsOf(request.raw.socket).add(request);
    finished(reply.raw, () => {
      place.isOver = true;
      this.leaveWhenDone(request, place);
    });
  }

  private requestsOf(socket: Socket): Set<FastifyRequest> {
    const known = this.ofSockets.get(socket);
    if (known !== undefined) return known;
    const requests = new Set<FastifyRequest>();
    this.ofSockets.set(socket, requests);
    socket.once('close', () => {
      for (const request of requests) {
        const place = this.places.get(request);
        if (place === undefined) continue;
        place.isOver = true;
        this.leaveWhenDone(request, place);
      }
    });
    return requests;
  }

  private leaveWhenDone(request: FastifyRequest, { isAnswered, isOver, key }: Place): void {
    if (!isAnswered || !isOver || !this.places.delete(request)) return;
    this.ofSockets.get(request.raw.socket)?.delete(request);
    if (key === undefined) return;
    const count = this.ofKeys.get(key)! - 1;
    if (count === 0) this.ofKeys.delete(key);
    else this.ofKeys.set(key, count);
  }

  private overloaded(detail: string): Problem {
    this.metrics.shedRequests.inc({ reason: 'overloaded' });
    return new Problem('overloaded', `${detail}; send it again soon`);
  }
}
