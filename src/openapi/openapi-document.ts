import { Injectable, type INestApplication } from '@nestjs/common';
import { ModulesContainer, Reflector } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { PUBLIC_ROUTE, REQUIRED_SCOPE } from '../access/require-scope.js';
import type { Scope } from '../access/scope.js';
import { isCommand } from '../idempotency/command-route.js';
import { describeCommand } from '../idempotency/describe-command.js';
import { describeProblems, describeShared } from './describe-problems.js';

const DESCRIPTION = `Counts every usage event once and bills it once.

\`x-required-scope\` names the scope that an API key needs for an operation. Errors are RFC 9457
problem documents (\`application/problem+json\`); decide by their \`code\`.`;

/** Holds the OpenAPI document, which can be made only when all routes are there. */
@Injectable()
export class OpenApiDocument {
  private document: OpenAPIObject | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly reflector: Reflector,
  ) {}

  describe(app: INestApplication): void {
    const builder = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Countonce')
      .setDescription(DESCRIPTION)
      .setVersion('1')
      .addBearerAuth()
      .addSecurityRequirements('bearer')
      .build();
    const document = SwaggerModule.createDocument(app, builder, { autoTagControllers: false });
    describeShared(document);
    const handlers = this.handlers();
    for (const path of Object.values(document.paths)) {
      for (const method of ['get', 'put', 'post', 'patch', 'delete'] as const) {
        const operation = path[method];
        const handler = handlers.get(operation?.operationId ?? '');
        if (operation === undefined || handler === undefined) continue;
        const scope = this.reflector.get<Scope | undefined>(REQUIRED_SCOPE, handler);
        if (scope !== undefined) Object.assign(operation, { 'x-required-scope': scope });
        if (this.reflector.get<true | undefined>(PUBLIC_ROUTE, handler)) operation.security = [];
        if (isCommand(this.reflector, handler)) describeCommand(operation);
        describeProblems(operation);
      }
    }
    this.document = document;
  }

  get(): OpenAPIObject | undefined {
    return this.document;
  }

  /** The method behind each operation, by the id that @nestjs/swagger makes. */
  private handlers(): ReadonlyMap<string, () => unknown> {
    const handlers = new Map<string, () => unknown>();
    for (const { controllers } of this.modules.values()) {
      for (const { metatype } of controllers.values()) {
        if (typeof metatype !== 'function') continue;
        const methods = Object.getOwnPropertyDescriptors(metatype.prototype as object);
        for (const [name, { value }] of Object.entries(methods)) {
          if (typeof value === 'function') {
            handlers.set(`${metatype.name}_${name}`, value as () => unknown);
          }
        }
      }
    }
    return handlers;
  }
}
