import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import type { Principal } from '../access/caller.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstantMicros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import {
  listQuarantine,
  type QuarantinedEvent,
  type QuarantineFilter,
} from './quarantine-list.store.js';
import { droppedEvents } from './quarantine-tally.store.js';
import { releaseEvents } from './release-events.store.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A page of the quarantine, and what it had no room for. */
export interface QuarantinePage extends Page<QuarantinedEvent> {
  readonly dropped: number;
}

/** Shows what is in quarantine, and lets out what nobody wants. */
@Injectable()
export class QuarantineService {
  constructor(private readonly db: Database) {}

  async list(
    tenantId: string,
    filter: QuarantineFilter,
    page: PageRequest,
  ): Promise<QuarantinePage> {
    const rows = await listQuarantine(this.db.work, tenantId, filter, page.after, page.limit + 1);
    const dropped = await droppedEvents(this.db.work, tenantId);
    const found = toPage(rows, page, ({ firstSeenAt, id }) => [
      formatInstantMicros(firstSeenAt),
      id,
    ]);
    return { ...found, dropped };
  }

  /**
   * Takes an event out for good; sent again, it comes back.
   *
   * @throws Problem `quarantined_event_not_found`
   */
  async remove(
    { tenantId }: Pick<Principal, 'tenantId'>,
    id: string,
    reason: string,
  ): Promise<void> {
    await this.db.work.transaction(async (tx) => {
      const removed = UUID.test(id) ? await releaseEvents(tx, tenantId, [id]) : 0;
      if (removed === 0) {
        throw new Problem('quarantined_event_not_found', 'no event in quarantine has this id');
      }
      const subject = `quarantined_event:${id}`;
      await audit(tx, tenantId, { action: 'quarantined_event.deleted', subject, reason });
    });
  }
}
