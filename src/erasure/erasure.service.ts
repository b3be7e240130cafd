import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { customerByIdentity, type CustomerRecord } from '../customers/customer-record.store.js';
import { keepErasedStripeCustomers } from '../customers/erased-stripe-customer.store.js';
import { requireCustomer } from '../customers/require-customer.js';
import { onceInCommand } from '../database/command-context.js';
import type { Queryable, Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, type GateState } from '../database/gate.js';
import { Problem } from '../problem/problem.js';
import { PushAccounts } from '../stripe/push-site.js';
import { renameCustomer, textsOf } from './customer-texts.store.js';
import { Eraser } from './eraser.js';
import type { CreateErasureDto } from './erasure.dto.js';
import { erasureById, insertErasure, runningErasureOf, type Erasure } from './erasure.store.js';
import { withoutTexts } from './sought-texts.js';
import { unsettledOf } from './unsettled.js';

/** How long a request waits for its erasure; then it is answered 202 and the erasure goes on. */
const ANSWER_AFTER_MS = 25_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const HASH_KEY_BYTES = 32;

/** Erases what tells of a customer, once nothing that is under way needs it any more. */
@Injectable()
export class ErasureService {
  private readonly logger = new Logger(ErasureService.name);

  constructor(
    private readonly db: Database,
    private readonly eraser: Eraser,
    private readonly accounts: PushAccounts,
  ) {}

  /** Erases and waits a while; where it takes longer, it goes on behind the answer. */
  async erase(tenantId: string, customerId: string, request: CreateErasureDto): Promise<Erasure> {
    const id = await onceInCommand(() => this.begin(tenantId, customerId, request));
    let failed: unknown;
    const finished = this.eraser.finish(tenantId, id).catch((error: unknown) => {
      failed = error;
      // A worker goes on with it.
      this.logger.error(error, `the erasure ${id} was interrupted`);
    });
    await Promise.race([
      finished,
      new Promise((resume) => setTimeout(resume, ANSWER_AFTER_MS).unref()),
    ]);
    if (failed !== undefined) throw failed;
    return this.get(tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<Erasure> {
    const erasure = UUID.test(id) ? await erasureById(this.db.work, tenantId, id) : undefined;
    if (erasure === undefined) throw new Problem('erasure_not_found', 'no erasure has this id');
    return erasure;
  }

  /**
   * From its commit on nobody knows the customer by what it went by: what is recorded under its old
   * id afterwards is another customer's. So nothing is added any more to what is to be erased.
   */
  async begin(tenantId: string, customerId: string, request: CreateErasureDto): Promise<string> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    await this.refuseWithoutRights();
    const pushes = await this.accounts.isConfigured(tenantId);
    await refuseUnsettled(this.db.work, tenantId, customerNo, pushes);
    return behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      const customer = await customerByIdentity(tx, tenantId, customerId);
      if (customer?.customerNo !== customerNo) {
        throw new Problem('customer_not_found', 'the customer was erased meanwhile');
      }
      const running = await runningErasureOf(tx, tenantId, customerNo);
      if (running !== undefined) return joined(running, request);
      await refuseUnsettled(tx, tenantId, customerNo, pushes);
      return start(tx, tenantId, customer, request, gate);
    });
  }

  /** Who owns the tables without having roles to work as has taken the rights from itself. */
  private async refuseWithoutRights(): Promise<void> {
    const [rights] = await this.db.work.query<{ suffice: boolean }>(
      `SELECT bool_and(has_table_privilege(p.proowner, t.name, 'UPDATE')) AS suffice
         FROM pg_proc p, unnest($1::text[]) AS t (name)
        WHERE p.proname = 'erase_usage_texts'`,
      [['usage_event', 'usage_entry', 'usage_void', 'push_transition', 'audit_entry']],
    );
    if (rights?.suffice === true && this.db.role !== undefined) return;
    const detail = 'the books cannot be changed by anybody: run `countonce doctor`';
    throw new Problem('erasure_needs_roles', detail);
  }
}

/** It was asked for under what the customer goes by since: there is nothing to begin. */
function joined(id: string, { texts }: CreateErasureDto): string {
  if (texts === undefined || texts.length === 0) return id;
  const detail = `the erasure ${id} is under way, without these texts: ask again once it is finished`;
  throw new Problem('customer_unsettled', detail, {
    extensions: { unsettled: { pushes: 0, periods: 0, voids: 0 } },
  });
}

async function refuseUnsettled(
  db: Queryable,
  tenantId: string,
  customerNo: number,
  pushes: boolean,
): Promise<void> {
  const unsettled = await unsettledOf(db, tenantId, customerNo, pushes);
  if (unsettled === undefined) return;
  const detail =
    `${unsettled.periods} periods are still to be pushed, ${unsettled.pushes} pushes have not ended, ` +
    `and ${unsettled.voids} voids are at work`;
  throw new Problem('customer_unsettled', detail, { extensions: { unsettled } });
}

async function start(
  tx: Transaction,
  tenantId: string,
  customer: CustomerRecord,
  request: CreateErasureDto,
  gate: GateState,
): Promise<string> {
  const { customerNo } = customer;
  const id = randomUUID();
  const pseudonym = `erased_${randomUUID().replaceAll('-', '')}`;
  const found = await textsOf(tx, tenantId, customer);
  const sought = { ...found, texts: [...new Set([...found.texts, ...(request.texts ?? [])])] };
  const reason = withoutTexts(request.reason, sought.texts);
  const { stripeCustomerIds } = sought;
  await keepErasedStripeCustomers(tx, tenantId, customerNo, stripeCustomerIds, gate.now);
  await renameCustomer(tx, tenantId, customerNo, pseudonym);
  const hashKey = randomBytes(HASH_KEY_BYTES);
  const createdAt = gate.receivedAt;
  await audit(tx, tenantId, {
    action: 'customer.erased',
    subject: `customer:${pseudonym}`,
    reason,
    after: { customer_id: pseudonym, erasure_id: id },
  });
  const erasure = { id, customerNo, pseudonym, reason, sought, hashKey, createdAt };
  await insertErasure(tx, tenantId, erasure);
  return id;
}
