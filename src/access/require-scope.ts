import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { Scope } from './scope.js';

export const REQUIRED_SCOPE = 'countonce:required-scope';
export const PUBLIC_ROUTE = 'countonce:public-route';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without an API key. */
    public?: boolean;
  }
}

/** Only keys with this scope may call the route. */
export const RequireScope = (scope: Scope): MethodDecorator => SetMetadata(REQUIRED_SCOPE, scope);

/**
 * The route is answered without an API key. It stands above a `@RouteConfig` of the same method,
 * whose settings it keeps: Fastify must know of it before it reads the body.
 */
export function Public(): MethodDecorator {
  return (target, name, descriptor) => {
    const handler = descriptor.value as object;
    SetMetadata(PUBLIC_ROUTE, true)(target, name, descriptor);
    RouteConfig({ ...routeConfigOf(handler), public: true })(target, name, descriptor);
  };
}

function routeConfigOf(handler: object): object {
  return (Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) as object | undefined) ?? {};
}
