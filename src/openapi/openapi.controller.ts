import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/require-scope.js';
import { Problem } from '../problem/problem.js';
import { OpenApiDocument } from './openapi-document.js';

/** Swagger UI sets styles of its own elements and draws its icons from data. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** A file of its own, so that the page may run no script that stands in it. */
const START = `const api = document.getElementById('api');
SwaggerUIBundle({ url: api.dataset.url, domNode: api });
`;

/** What the page loads, and as what. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Countonce API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="api" data-url="/openapi.json"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>`;

/** The API's description, for programs and for people. */
@ApiExcludeController()
@Controller()
export class OpenApiController {
  private readonly folder = join(
    createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'),
    '..',
  );

  constructor(private readonly document: OpenApiDocument) {}

  @Get('openapi.json')
  @Public()
  openApi(): unknown {
    return this.document.get();
  }

  @Get('docs')
  @Public()
  page(@Res() reply: FastifyReply): void {
    void reply
      .header('content-security-policy', PAGE_POLICY)
      .type('text/html; charset=utf-8')
      .send(PAGE);
  }

  @Get('docs/start.js')
  @Public()
  start(@Res() reply: FastifyReply): void {
    void reply.type('text/javascript; charset=utf-8').send(START);
  }

  @Get('docs/:asset')
  @Public()
  async asset(@Param('asset') asset: string, @Res() reply: FastifyReply): Promise<void> {
    const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset] : undefined;
    if (type === undefined) throw new Problem('route_not_found', 'no such file');
    await reply.type(type).send(await readFile(join(this.folder, asset)));
  }
}
