import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalRule } from '../../src/access/approval/can-need-approval.js';
import {
  ALWAYS_GUARDED,
  COMMAND_SCOPES,
  GUARDED_COMMANDS,
  type GuardedCommand,
} from '../../src/access/approval/guarded-command.js';
import { PUBLIC_ROUTE, REQUIRED_SCOPE } from '../../src/access/require-scope.js';
import { CONTROLLERS } from '../../src/controllers.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { fourEyes, outcome, type FourEyes } from './four-eyes.js';
import { RECIPES, type Things } from './route-recipes.js';

interface Route {
  /** As the OpenAPI document has it. */
  readonly name: string;
  readonly method: string;
  readonly command: GuardedCommand | undefined;
  readonly scope: string;
}

/** Change something, and are nothing that a second key has to look at. */
const OPEN = [
  'POST /v1/usage-events',
  'POST /v1/quarantine/replays',
  'POST /v1/customers/{id}/flushes',
  'POST /v1/reconciliations',
  'POST /v1/stripe-events/{id}/retries',
  'POST /v1/approvals/{id}/decisions',
  'POST /v1/test-clock',
];
/** What the recipes ask for changes nothing. */
const WET: Readonly<Record<string, unknown>> = {
  'POST /v1/voids': { filter: { customer_id: 'heron' }, reason: 'a test', dry_run: false },
  'POST /v1/replays': { mode: 'apply' },
  'POST /v1/reconciliations/{id}/repairs': { dry_run: false },
};
/** Cannot be approved at all. */
const STREAMS = ['PUT /v1/customers'];

const ROUTES = CONTROLLERS.api.flatMap((controller) => routesOf(controller));
const GUARDED = ROUTES.filter((route): route is Route & { command: GuardedCommand } =>
  Boolean(route.command),
);

function routesOf(controller: { readonly prototype: object }): Route[] {
  const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
  return Object.values(Object.getOwnPropertyDescriptors(controller.prototype))
    .map(({ value }) => value as () => unknown)
    .filter((handler) => typeof handler === 'function')
    .filter((handler) => Reflect.hasMetadata(METHOD_METADATA, handler))
    .filter((handler) => Reflect.getMetadata(PUBLIC_ROUTE, handler) !== true)
    .map((handler) => {
      const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number]!;
      const path = Reflect.getMetadata(PATH_METADATA, handler) as string;
      const pattern = `/${base}${path === '/' ? '' : `/${path}`}`;
      return {
        name: `${method} ${pattern.replaceAll(/:(\w+)/g, '{$1}')}`,
        method,
        command: approvalRule(new Reflector(), handler)?.command,
        scope: Reflect.getMetadata(REQUIRED_SCOPE, handler) as string,
      };
    });
}

const THINGS: Things = {
  word: 'heron',
  closeId: randomUUID(),
  pushId: randomUUID(),
  reconciliationId: randomUUID(),
  keyId: 'abcdefghij',
  eventId: 'evt_heron',
  quarantinedId: randomUUID(),
  voidId: randomUUID(),
  replayId: randomUUID(),

  erasureId: randomUUID(),
  approvalId: randomUUID(),
};

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

async function send(scene: FourEyes, { name, method }: Route) {
  const recipe = RECIPES[name]!;
  const headers = recipe.type === undefined ? undefined : { 'content-type': recipe.type };
  const body = WET[name] ?? recipe.body?.(THINGS);
  return scene.asker.call(method, recipe.path(THINGS), body, headers);
}

/** A checksum of all that the tenant has but for approvals, and for the audit that tells of them. */
async function holdings(scene: FourEyes): Promise<unknown> {
  const { rows } = await test.pool.query<{ sql: string }>(
    `SELECT string_agg(format('SELECT %L AS name, md5(string_agg(t.row::text, chr(10) ORDER BY t.row::text))
              FROM (SELECT to_jsonb(r) - ''last_used_at'' AS row FROM %I r WHERE tenant_id = $1) t',
              tablename, tablename), ' UNION ALL ') AS sql
       FROM pg_policies
      WHERE policyname = 'one_tenant' AND tablename NOT IN ('approval', 'audit_entry', 'audit_head')`,
  );
  return scene.rows(rows[0]!.sql);
}

describe('every route that changes something', () => {
  it('can be put under four eyes, or is known not to be', () => {
    const changing = ROUTES.filter(({ method }) => method !== 'GET');
    const unsaid = changing.filter(({ name, command }) => !command && !OPEN.includes(name));
    expect(unsaid.map(({ name }) => name)).toEqual([]);
    expect(GUARDED.length).toBeGreaterThan(15);
  });

  it('has its command in the list, with the scope that the route needs', () => {
    expect(new Set(GUARDED.map(({ command }) => command))).toEqual(new Set(GUARDED_COMMANDS));
    const other = GUARDED.filter(({ command, scope }) => COMMAND_SCOPES[command] !== scope);
    expect(other).toEqual([]);
  });

  it.each([
    ['usage_event.void', ['POST /v1/usage-events/void', 'POST /v1/voids']],
    ['stripe_account.change', ['PUT /v1/stripe-account', 'DELETE /v1/stripe-account']],
  ])('is no way around another: one name, %s, is for %j', (command, names) => {
    const of = GUARDED.filter((route) => route.command === command).map(({ name }) => name);
    expect(new Set(of)).toEqual(new Set(names));
  });
});

describe('a guarded route', () => {
  it.each(GUARDED)('asks for an approval and changes nothing: $name', async (route) => {
    const scene = await fourEyes(test, [route.command]);
    const before = await holdings(scene);
    const asked = await send(scene, route);

    const refusal = STREAMS.includes(route.name) ? 'approval_not_possible' : 'approval_required';
    expect([asked.status, outcome(asked)]).toEqual([409, refusal]);
    expect(await holdings(scene)).toEqual(before);
    const { data } = (await scene.approver.call('GET', '/v1/approvals')).body;
    expect(data).toHaveLength(STREAMS.includes(route.name) ? 0 : 1);
  });

  const others = GUARDED.filter(({ command }) => !ALWAYS_GUARDED.includes(command));
  it.each(others)('asks for none where the policy names others: $name', async (route) => {
    const other = GUARDED_COMMANDS.find((command) => command !== route.command)!;
    const scene = await fourEyes(test, [other]);
    await send(scene, route).then((answer) => {
      expect(String(outcome(answer))).not.toMatch(/^approval/);
    });
    expect((await scene.approver.call('GET', '/v1/approvals')).body.data).toEqual([]);
  });
});
