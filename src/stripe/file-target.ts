import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { MICROS_PER_SECOND } from '../domain/instant.js';
import { NothingWritten, PushFile, type FileLine } from './push-file.js';
import type { PushAccount } from './push-site.js';
import { PushTarget, type PushBody, type SendOutcome } from './push-target.js';

/** `pg_advisory_xact_lock(namespace, 0)`: processes of one database write one after the other. */
const LOCK = 'SELECT pg_advisory_xact_lock(1131376463, 0)';
const GROUP_MAX = 1_000;

interface Waiting extends FileLine {
  readonly resolve: (outcome: SendOutcome) => void;
}

/**
 * Pushes as lines of a file, each what Stripe would be sent: for another biller, or for a look at what
 * would be pushed. The file forgets nothing, so a push may be sent to it again at any time.
 */
@Injectable()
export class FileTarget extends PushTarget {
  private readonly file: PushFile;
  private readonly waiting: Waiting[] = [];
  private isWriting = false;

  constructor(
    private readonly db: Database,
    { PUSH_FILE, DATA_DIR }: Config,
  ) {
    super();
    this.file = new PushFile(PUSH_FILE ?? join(DATA_DIR, 'pushes.ndjson'));
  }

  send(account: PushAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
    const { identifier } = body;
    const text = JSON.stringify({
      identifier,
      event_name: body.eventName,
      payload: { [body.customerKey]: body.stripeCustomerId, [body.valueKey]: body.value },
      timestamp: body.timestamp / MICROS_PER_SECOND,
      account: account.accountId,
      idempotency_key: idempotencyKey,
    });
    return new Promise((resolve) => {
      this.waiting.push({ identifier, text, resolve });
      if (!this.isWriting) void this.writeAll();
    });
  }

  /** What comes while a group is written goes with the next. */
  private async writeAll(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      const group = this.waiting.splice(0, GROUP_MAX);
      const outcomes = await this.writeGroup(group);
      for (const [index, { resolve }] of group.entries()) resolve(outcomes[index]!);
    }
    this.isWriting = false;
  }

  private async writeGroup(group: readonly FileLine[]): Promise<SendOutcome[]> {
    let isBegun = false;
    try {
      return await this.db.work.transaction(async (tx) => {
        await tx.query(LOCK);
        isBegun = true;
        const kept = await this.file.append(group);
        return group.map(({ text }, index) => outcomeOf(text, kept[index]!));
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const isNothing = !isBegun || error instanceof NothingWritten;
      return group.map(() =>
        isNothing
          ? { kind: 'try_later', why, tooFast: false, isDown: true }
          : { kind: 'unknown', why },
      );
    }
  }
}

/** The same push again is what it was the first time. */
function outcomeOf(text: string, kept: string): SendOutcome {
  if (text === kept) return { kind: 'delivered' };
  return { kind: 'identifier_taken', message: `the file has another line under it: ${kept}` };
}
