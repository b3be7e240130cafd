import type { AuditedChange } from '../access/audit/audit.js';
import type { ScheduleTimeline } from '../domain/billing-period.js';
import { formatInstant } from '../domain/instant.js';
import type { CustomerSettings } from './customer-change.js';
import type { ChangedCustomer } from './customer-register.js';
import { latestSchedule } from './schedule-timeline.js';

/** What the audit tells of a customer that was made or changed. */
export function auditedCustomer(customer: ChangedCustomer): AuditedChange {
  const { customerId, before, settings, timeline } = customer;
  return {
    action: actionOf(customer),
    subject: `customer:${customerId}`,
    before: before === undefined ? null : told(customerId, before, before.timeline),
    after: told(customerId, settings, timeline),
  };
}

/** Where usage is billed to is what matters most of a customer, so it has a name of its own. */
function actionOf({ before, settings }: ChangedCustomer): string {
  if ((before?.stripeCustomerId ?? null) !== settings.stripeCustomerId) return 'customer.mapped';
  return before === undefined ? 'customer.created' : 'customer.changed';
}

function told(
  customerId: string,
  { name, aliases, stripeCustomerId, mappingFrom, push }: CustomerSettings,
  timeline: ScheduleTimeline,
): object {
  const { schedule, effectiveFrom } = latestSchedule(timeline);
  return {
    customer_id: customerId,
    name,
    aliases,
    stripe_customer_id: stripeCustomerId,
    from: mappingFrom,
    push,
    billing_period: {
      interval: schedule.interval,
      interval_count: schedule.intervalCount,
      anchor: formatInstant(schedule.anchor),
      timezone: schedule.timezone,
      effective_from: effectiveFrom === undefined ? null : formatInstant(effectiveFrom),
    },
  };
}
