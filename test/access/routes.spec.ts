import 'reflect-metadata';
import { readdir } from 'node:fs/promises';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { describe, expect, it } from 'vitest';
import { PUBLIC_ROUTE, REQUIRED_SCOPE } from '../../src/access/require-scope.js';

const SOURCES = new URL('../../src/', import.meta.url);

interface Route {
  readonly name: string;
  readonly handler: object;
}

/** The handlers of every controller in the sources, whether a module lists it or not. */
async function allRoutes(): Promise<Route[]> {
  const files = await readdir(SOURCES, { recursive: true });
  const routes: Route[] = [];
  for (const file of files.filter((name) => name.endsWith('.controller.ts'))) {
    const exported = (await import(new URL(file, SOURCES).href)) as Record<string, unknown>;
    for (const controller of Object.values(exported)) {
      if (typeof controller === 'function' && Reflect.hasMetadata(PATH_METADATA, controller)) {
        routes.push(...routesOf(controller));
      }
    }
  }
  return routes;
}

function routesOf(controller: { readonly name: string; readonly prototype: object }): Route[] {
  const { name, prototype } = controller;
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .map(([method, { value }]) => ({ name: `${name}.${method}`, handler: value as object }))
    .filter(({ handler }) => handler && Reflect.hasMetadata(METHOD_METADATA, handler));
}

function isPublic({ handler }: Route): boolean {
  return Reflect.getMetadata(PUBLIC_ROUTE, handler) === true;
}

function requiresScope({ handler }: Route): boolean {
  return Reflect.getMetadata(REQUIRED_SCOPE, handler) !== undefined;
}

describe('every route', () => {
  it('says which scope it needs, or that it needs none', async () => {
    const routes = await allRoutes();

    expect(routes.length).toBeGreaterThan(5);
    const unsaid = routes.filter((route) => isPublic(route) === requiresScope(route));
    expect(unsaid.map((route) => route.name)).toEqual([]);
  });
});
