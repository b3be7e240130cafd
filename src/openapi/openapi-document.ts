import { Injectable, type INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** Holds the OpenAPI document, which can be made only when all routes are there. */
@Injectable()
export class OpenApiDocument {
  private document: unknown;

  describe(app: INestApplication): void {
    const builder = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Countonce')
      .setDescription('Counts every usage event once and bills it once.')
      .setVersion('1')
      .addBearerAuth()
      .addSecurityRequirements('bearer')
      .build();
    this.document = SwaggerModule.createDocument(app, builder, { autoTagControllers: false });
  }

  get(): unknown {
    return this.document;
  }
}
