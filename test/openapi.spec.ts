import 'reflect-metadata';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPES } from '../src/access/scope.js';
import { startTestApp, type TestApp } from './support/app.js';

type Content = Readonly<Record<string, { readonly schema?: object }>>;

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly 'x-required-scope'?: string;
  readonly parameters?: readonly { readonly name: string }[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** It describes the others. */
const UNDESCRIBED = ['OpenApiController'];

let test: TestApp;
let document: Document;
beforeAll(async () => {
  test = await startTestApp();
  document = (await test.call('GET', '/openapi.json')).body as Document;
});
afterAll(() => test[Symbol.asyncDispose]());

function operations(): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
}

/** Whether a body is told of, and, where it is JSON, which members it has. */
function isDescribed(content: Content = {}): boolean {
  const bodies = Object.entries(content);
  const isTold = ([type, { schema }]: (typeof bodies)[number]): boolean =>
    schema !== undefined &&
    (!type.endsWith('/json') || /"(?:\$ref|properties)":/.test(JSON.stringify(schema)));
  return bodies.length > 0 && bodies.every(isTold);
}

/** Every handler of every controller, by the id of its operation. */
function handlers(): string[] {
  const controllers = [...test.app.get(ModulesContainer).values()].flatMap((module) =>
    [...module.controllers.values()].map(
      ({ metatype }) => metatype as { name: string; prototype: object },
    ),
  );
  return controllers
    .filter(({ name }) => !UNDESCRIBED.includes(name))
    .flatMap(({ name, prototype }) =>
      Object.entries(Object.getOwnPropertyDescriptors(prototype))
        .filter(([, { value }]) => value && Reflect.hasMetadata(METHOD_METADATA, value as object))
        .map(([method]) => `${name}_${method}`),
    );
}

describe('the OpenAPI document', () => {
  it('is the one that openapi.json shows', async () => {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../openapi.json');
  });

  it('names the page of every list, and no list takes what it does not name', async () => {
    const plain = operations().filter(({ method, path }) => method === 'get' && !/{/.test(path));
    const lists: string[] = [];
    for (const { path, operation } of plain) {
      const { body } = await test.call('GET', `${path}?limit=0`);
      if (body?.errors?.[0]?.code !== 'invalid') continue;
      lists.push(path);
      const names = operation.parameters?.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['cursor', 'limit']));
      expect((await test.call('GET', `${path}?nonsense=1`)).body.errors).toMatchObject([
        { pointer: '/nonsense', code: 'unknown_field' },
      ]);
    }
    expect(lists).toEqual(expect.arrayContaining(['/v1/meters', '/v1/customers', '/v1/api-keys']));
  });

  it('is OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
  });

  it('has every route, and no other', () => {
    const described = operations().map(({ operation }) => operation.operationId);
    expect(described.length).toBeGreaterThan(10);
    expect(described.toSorted()).toEqual(handlers().toSorted());

    const fastify = test.app.getHttpAdapter().getInstance();
    const served = operations().filter(({ method, path }) =>
      fastify.hasRoute({ method: method.toUpperCase(), url: path.replaceAll(/\{(\w+)\}/g, ':$1') }),
    );
    expect(served).toEqual(operations());
  });

  it('says of each operation which scope it needs, or that it needs no key', () => {
    const unsaid = operations().filter(({ operation }) => {
      const scope = operation['x-required-scope'];
      const isPublic = operation.security?.length === 0;
      return isPublic
        ? scope !== undefined
        : !(SCOPES as readonly (string | undefined)[]).includes(scope);
    });
    expect(unsaid.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('says of each operation what it is for', () => {
    const unsaid = operations().filter(
      ({ operation }) => !operation.summary || operation.tags?.length !== 1,
    );
    expect(unsaid.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('says of each answer that all is well what its body is', () => {
    const unsaid = operations().flatMap(({ method, path, operation }) =>
      Object.entries(operation.responses)
        .filter(([status]) => status.startsWith('2') && status !== '204')
        .filter(([, { content }]) => !isDescribed(content))
        .map(([status]) => `${method} ${path} ${status}`),
    );
    expect(unsaid).toEqual([]);
  });

  it('says each thing once', () => {
    const schemas = Object.entries(document.components.schemas);
    const known = new Map<string, string>();
    const twice = schemas.flatMap(([name, schema]) => {
      const text = JSON.stringify(schema);
      const other = known.get(text);
      known.set(text, name);
      return other === undefined ? [] : [`${other} and ${name}`];
    });
    expect(schemas.length).toBeGreaterThan(50);
    expect(twice).toEqual([]);
  });

  it('names nothing that is not there, and has nothing that is not named', () => {
    const text = JSON.stringify(document);
    const named = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    const there = Object.keys(document.components.schemas);
    expect(new Set(named.map(([, name]) => name))).toEqual(new Set(there));
    expect(text).not.toContain('"nullable"');
  });

  it('is shown to people by a page that loads nothing from elsewhere', async () => {
    const page = await test.call('GET', '/docs', undefined, { authorization: '' });
    const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);

    expect(page.status).toBe(200);
    expect(assets.length).toBeGreaterThan(1);
    for (const asset of assets) {
      expect((await test.call('GET', asset, undefined, { authorization: '' })).status).toBe(200);
    }
  });
});
