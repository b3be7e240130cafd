import 'reflect-metadata';
import { readdir } from 'node:fs/promises';
import {
  METHOD_METADATA,
  PATH_METADATA,
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { isCommand } from '../../src/idempotency/command-route.js';
import { PUBLIC_ROUTE, REQUIRED_SCOPE } from '../../src/access/require-scope.js';

const SOURCES = new URL('../../src/', import.meta.url);

interface Route {
  readonly name: string;
  readonly handler: object;
  /** Whether it takes the response in hand and sends it itself. */
  readonly sends: boolean;
}

/** Nest's number of `@Res()`. */
const RESPONSE = /^1:/;

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
    .map(([method, { value }]) => ({
      name: `${name}.${method}`,
      handler: value as object,
      sends: sendsItself(controller, method),
    }))
    .filter(({ handler }) => handler && Reflect.hasMetadata(METHOD_METADATA, handler));
}

function sendsItself(controller: object, method: string): boolean {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as object;
  const takesResponse = Object.keys(parameters).some((kind) => RESPONSE.test(kind));
  return (
    takesResponse && Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, method) !== true
  );
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

  it('takes an idempotency key where it is a command, and answers by what it returns', async () => {
    const commands = (await allRoutes()).filter(({ handler }) =>
      isCommand(new Reflector(), handler as () => unknown),
    );

    expect(commands.map(({ name }) => name)).toContain('PeriodCloseController.create');
    expect(commands.map(({ name }) => name)).not.toContain('IngestController.record');
    const silent = commands.filter(({ sends }) => sends);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
