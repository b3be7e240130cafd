import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiPage } from '../../answers/api-page.js';
import { Database } from '../../database/database.js';
import { parsePage, toPage, type Page, type PagedList } from '../../database/page.js';
import { parseInstant, type Micros } from '../../domain/instant.js';
import { isStorableText } from '../../domain/text.js';
import { ValidationProblem } from '../../problem/problem.js';
import { Caller, type Principal } from '../caller.js';
import { RequireScope } from '../require-scope.js';
import { AuditEntryAnswer, AuditEntryQueryDto, fromAuditRow } from './audit-entry.dto.js';
import { listEntries, type AuditFilter } from './audit-read.store.js';

const AUDIT_ENTRIES: PagedList = { name: 'audit-entries', key: ['integer'] };

@ApiTags('Audit')
@Controller('v1/audit-entries')
export class AuditEntryController {
  constructor(private readonly db: Database) {}

  @Get()
  @RequireScope('admin')
  @ApiOperation({ summary: 'Who changed what, each entry with the hash of the one before' })
  @ApiPage(AuditEntryAnswer)
  async list(
    @Caller() { tenantId }: Principal,
    @Query() query: AuditEntryQueryDto,
  ): Promise<Page<AuditEntryAnswer>> {
    const asked = parsePage(AUDIT_ENTRIES, query);
    const rows = await listEntries(this.db.work, tenantId, filterOf(query), {
      isNewestFirst: query.order !== 'oldest',
      after: asked.after === undefined ? undefined : Number(asked.after[0]),
      limit: asked.limit + 1,
    });
    const page = toPage(rows, asked, ({ sequence }) => [String(sequence)]);
    return { ...page, data: page.data.map(fromAuditRow) };
  }
}

function filterOf({ action, actor, subject, from, to }: AuditEntryQueryDto): AuditFilter {
  return {
    action: storable(action, '/action'),
    actor: storable(actor, '/actor'),
    subject: storable(subject, '/subject'),
    from: instantOf(from, '/from'),
    to: instantOf(to, '/to'),
  };
}

/** PostgreSQL could not compare with any other text. */
function storable(text: string | undefined, pointer: string): string | undefined {
  if (text === undefined || isStorableText(text)) return text;
  throw invalid(pointer, 'NUL and lone surrogates stand in no entry');
}

function instantOf(text: string | undefined, pointer: string): Micros | undefined {
  if (text === undefined) return undefined;
  const at = parseInstant(text);
  if (at === undefined) throw invalid(pointer, 'an RFC 3339 time with an offset');
  return at;
}

function invalid(pointer: string, detail: string): ValidationProblem {
  return new ValidationProblem([{ pointer, code: 'invalid', detail }]);
}
