import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { Document } from './document.entity.js';
import { Metering } from './metering.js';

/** The application's own routes: they know nothing of API keys or problem documents. */
@Controller('documents')
export class DocumentController {
  constructor(
    @InjectRepository(Document) private readonly documents: Repository<Document>,
    private readonly metering: Metering,
  ) {}

  @Post()
  async write(
    @Body() { owner, text }: { owner: string; text: string },
  ): Promise<{ document_id: string; counted: string }> {
    const documentId = randomUUID();
    await this.documents.insert({ documentId, owner, text });
    const { status } = await this.metering.documentWritten(documentId, owner, text.length);
    return { document_id: documentId, counted: status };
  }

  /** Metering told of the same document again, as after a crash: it is not counted twice. */
  @Post(':documentId/count')
  async count(@Param('documentId') documentId: string): Promise<{ counted: string }> {
    const { owner, text } = await this.documents.findOneByOrFail({ documentId });
    const { status } = await this.metering.documentWritten(documentId, owner, text.length);
    return { counted: status };
  }

  @Get('usage/:owner')
  async usage(@Param('owner') owner: string): Promise<{ characters: string }> {
    return { characters: await this.metering.charactersOf(owner) };
  }
}
