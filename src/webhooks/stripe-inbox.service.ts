import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DEFAULT_TENANT } from '../access/tenant.entity.js';
import { TenantService } from '../access/tenant.service.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { Metrics } from '../metrics/metrics.js';
import { Problem } from '../problem/problem.js';
import { UnreadableSecret } from '../stripe/stripe-account-cipher.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { parseEvent, signedText } from '../stripe/stripe-webhooks.js';
import { claimEvents } from './stripe-claim.store.js';
import { StripeEventHandlers } from './stripe-event-handlers.js';
import { StripeEventRunner } from './stripe-event-runner.js';
import type { StripeEventReceipt } from './stripe-event.dto.js';
import { insertEvent, outcomeOf, type EventOutcome } from './stripe-inbox.store.js';

/** How long Stripe is kept waiting for an event that is answered when it is done. */
const ANSWER_WAIT_MAX_MS = 10_000;
const LOOK_AGAIN_MS = 200;
const RETRY_AFTER_S = '60';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Takes what Stripe sends: written down first, once each, whatever becomes of it. */
@Injectable()
export class StripeInboxService {
  private readonly logger = new Logger(StripeInboxService.name);

  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly accounts: StripeAccounts,
    private readonly handlers: StripeEventHandlers,
    private readonly runner: StripeEventRunner,
    private readonly metrics: Metrics,
  ) {}

  /**
   * @param tenant The id of a tenant as the address has it; none: the tenant `default`.
   * @throws Problem where nothing was written down, and `webhook_event_unfinished` where Stripe is
   *   to send the event again.
   */
  async receive(
    tenant: string | undefined,
    body: unknown,
    header: unknown,
  ): Promise<StripeEventReceipt> {
    const tenantId = await this.tenantId(tenant);
    if (tenantId === undefined) return this.take(undefined, body, header);
    return withinTenant(tenantId, () => this.take(tenantId, body, header));
  }

  private async take(
    tenantId: string | undefined,
    body: unknown,
    header: unknown,
  ): Promise<StripeEventReceipt> {
    const text = await this.signed(tenantId, body, header);
    const event = parseEvent(text);
    if (event === undefined) {
      throw this.refusal('invalid', 'webhook_event_invalid', 'the body has no id and type');
    }
    const handler = this.handlers.of(event.type);
    const isFirst = await insertEvent(this.db.work, tenantId!, {
      ...event,
      body: text,
      ...(handler === undefined && { ignoredBy: { kind: 'ignored', reason: 'no_handler' } }),
    });
    this.metrics.webhookEvents.inc({ result: isFirst ? 'received' : 'copy' });
    if (handler?.answersWhenDone === true) await this.finish(tenantId!, event.eventId);
    return { received: true, copy: !isFirst };
  }

  private async tenantId(tenant: string | undefined): Promise<string | undefined> {
    if (tenant === undefined) return (await this.tenants.byName(DEFAULT_TENANT))?.tenantId;
    return UUID.test(tenant) ? tenant.toLowerCase() : undefined;
  }

  private async signed(
    tenantId: string | undefined,
    body: unknown,
    header: unknown,
  ): Promise<string> {
    const secrets = tenantId === undefined ? undefined : await this.secrets(tenantId);
    if (secrets?.length === 0) {
      throw this.refusal('not_configured', 'webhook_not_configured', 'no signing secret is set');
    }
    const isSent = Buffer.isBuffer(body) && typeof header === 'string';
    const text = isSent ? signedText(body, header, secrets ?? [], Date.now()) : undefined;
    // The same words whether the tenant is there or not.
    if (text === undefined) {
      const detail = 'no secret of this address signed these bytes within the last five minutes';
      throw this.refusal('bad_signature', 'webhook_signature_invalid', detail);
    }
    return text;
  }

  private async secrets(tenantId: string): Promise<readonly string[] | undefined> {
    try {
      return await this.accounts.webhookSecrets(tenantId);
    } catch (error) {
      if (!(error instanceof UnreadableSecret)) throw error;
      this.logger.error(`webhook of tenant ${tenantId}: ${error.message}`);
      throw new Problem('secret_unreadable', 'the signing secrets cannot be decrypted');
    }
  }

  /** Works on the event at once, or waits for whoever does. */
  private async finish(tenantId: string, eventId: string): Promise<void> {
    const deadline = performance.now() + ANSWER_WAIT_MAX_MS;
    const abort = new AbortController();
    const late = pause(ANSWER_WAIT_MAX_MS, 'late' as const, { signal: abort.signal });
    late.catch(() => undefined);
    try {
      let outcome: EventOutcome | undefined;
      do {
        const [claimed] = await claimEvents(this.db.work, tenantId, 1, eventId);
        // A handler that takes longer goes on, and writes down what it came to.
        const came = claimed && (await Promise.race([this.runner.run(claimed), late]));
        outcome = await outcomeOf(this.db.work, tenantId, eventId);
        if (outcome === 'done' || outcome === 'ignored') return;
        if (came !== undefined || outcome === 'dead') break;
        await pause(LOOK_AGAIN_MS);
      } while (performance.now() < deadline);
      throw new Problem('webhook_event_unfinished', `the event is ${outcome ?? 'unknown'}`, {
        headers: { 'retry-after': RETRY_AFTER_S },
      });
    } finally {
      abort.abort();
    }
  }

  private refusal(
    result: 'bad_signature' | 'not_configured' | 'invalid',
    code: 'webhook_signature_invalid' | 'webhook_not_configured' | 'webhook_event_invalid',
    detail: string,
  ): Problem {
    this.metrics.webhookEvents.inc({ result });
    return new Problem(code, detail);
  }
}
