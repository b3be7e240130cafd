import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.js';

interface Path {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/**
 * Answers 405 and what is allowed, where a path is known and its method is not.
 *
 * To be called before the routes are registered.
 */
export function registerAllowedMethods(fastify: FastifyInstance): void {
  const paths = new Map<string, Path>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const path = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    for (const name of [method].flat()) path.methods.add(name);
    paths.set(url, path);
  });
  fastify.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const [url = ''] = request.url.split('?');
    const matching = [...paths.values()].filter(({ pattern }) => pattern.test(url));
    if (matching.length === 0) return;
    const allow = [...new Set(matching.flatMap(({ methods }) => [...methods]))].sort().join(', ');
    throw new Problem('method_not_allowed', `this route takes ${allow}`, { headers: { allow } });
  });
}

/** A parameter is one segment, whatever it holds. */
function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => {
    return segment.startsWith(':') ? '[^/]+' : segment.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}$`);
}
