import type { Account } from './account.js';
import { emit, occasionOf, type Occasion } from './core-event-emit.js';
import { readCreated } from './created-filter.js';
import { ApiError, noSuch } from './errors.js';
import type { InvoiceRecord } from './invoice.js';
import { finalizeAt, finalizeInvoice, payInvoice } from './invoice-finalization.js';
import { planPreview } from './invoice-preview.js';
import { listOf, readPage } from './lists.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const PATH = '/v1/invoices';
const STATUSES = ['draft', 'open', 'paid', 'uncollectible', 'void'] as const;

export function invoiceRoutes(world: World): Route[] {
  const one = `${PATH}/:id`;
  return [
    { method: 'GET', path: PATH, plan: planList },
    { method: 'POST', path: `${PATH}/create_preview`, plan: (call) => planPreview(world, call) },
    { method: 'GET', path: one, plan: planGet },
    { method: 'GET', path: `${one}/lines`, plan: planLines },
    { method: 'POST', path: one, plan: (call) => planUpdate(world, call) },
    { method: 'POST', path: `${one}/finalize`, plan: (call) => planFinalize(world, call) },
    { method: 'POST', path: `${one}/pay`, plan: (call) => planPay(world, call) },
    { method: 'POST', path: `${one}/void`, plan: (call) => planVoid(world, call) },
  ];
}

function invoiceOf(account: Account, id: string): InvoiceRecord {
  const record = account.billing.invoices.get(id);
  if (!record) throw noSuch('invoice', id, 'id', 404);
  return record;
}

function planGet({ account, pathId }: Call): Plan {
  return { lane: null, execute: () => invoiceOf(account, pathId).invoice };
}

function planLines({ account, parameters, pathId }: Call): Plan {
  const page = readPage(parameters);
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const { lines } = invoiceOf(account, pathId);
      return listOf('line item', `${PATH}/${pathId}/lines`, lines, page);
    },
  };
}

function planList({ account, parameters }: Call): Plan {
  const page = readPage(parameters);
  const customer = parameters.text('customer', 5000);
  const subscription = parameters.text('subscription', 5000);
  const status = parameters.oneOf('status', STATUSES);
  const isInSpan = readCreated(parameters);
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const all = [...account.billing.invoices.values()].map((record) => record.invoice);
      const found = all.reverse().filter((invoice) => {
        const { subscription: of } = invoice.parent.subscription_details;
        if (customer !== undefined && invoice.customer !== customer) return false;
        if (subscription !== undefined && of !== subscription) return false;
        return (status === undefined || invoice.status === status) && isInSpan(invoice.created);
      });
      return listOf('invoice', PATH, found, page);
    },
  };
}

/** Runs a change and answers the invoice. */
function planChange(
  world: World,
  call: Call,
  change: (record: InvoiceRecord, occasion: Occasion) => void,
): Plan {
  return {
    lane: null,
    execute: () => {
      const record = invoiceOf(call.account, call.pathId);
      change(record, occasionOf(world, call));
      return record.invoice;
    },
  };
}

function planUpdate(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const autoAdvance = parameters.boolean('auto_advance');
  const finalizesAt = parameters.integer('automatically_finalizes_at');
  const description = parameters.text('description', 5000);
  const metadata = parameters.map('metadata');
  return planChange(world, call, (record, occasion) => {
    const { invoice } = record;
    if (finalizesAt !== undefined && finalizesAt * 1000 <= occasion.atMs) {
      const param = 'automatically_finalizes_at';
      throw new ApiError(400, 'Invalid timestamp: must be in the future', { param });
    }
    if (description !== undefined) invoice.description = description;
    if (metadata !== undefined) invoice.metadata = { ...invoice.metadata, ...metadata };
    if (autoAdvance !== undefined) invoice.auto_advance = autoAdvance;
    if (invoice.status === 'draft') {
      replan(world, account, record, finalizesAt, autoAdvance, occasion.atMs);
    }
    emit(world, account, occasion, { type: 'invoice.updated', object: invoice });
  });
}

/** A draft that was held past its time gets a grace period anew. */
function replan(
  world: World,
  account: Account,
  record: InvoiceRecord,
  finalizesAt: number | undefined,
  autoAdvance: boolean | undefined,
  nowMs: number,
): void {
  if (finalizesAt !== undefined) record.isTimeChosen = true;
  else if (autoAdvance === undefined) return;
  const planned = finalizesAt === undefined ? record.finalizesAtMs : finalizesAt * 1000;
  const isPast = planned === Infinity || planned <= nowMs;
  finalizeAt(world, account, record, isPast ? nowMs + world.switches.invoiceGraceMs : planned);
}

function planFinalize(world: World, call: Call): Plan {
  const autoAdvance = call.parameters.boolean('auto_advance');
  return planChange(world, call, (record, occasion) => {
    const { invoice } = record;
    if (invoice.status !== 'draft') {
      const message =
        "This invoice is already finalized, you can't re-finalize a non-draft invoice.";
      throw new ApiError(400, message, { code: 'invoice_not_editable' });
    }
    if (autoAdvance !== undefined) invoice.auto_advance = autoAdvance;
    finalizeInvoice(world, call.account, record, occasion);
  });
}

/** A draft is made final on the way. */
function planPay(world: World, call: Call): Plan {
  return planChange(world, call, (record, occasion) => {
    const { invoice } = record;
    if (invoice.status === 'draft') finalizeInvoice(world, call.account, record, occasion);
    else if (invoice.status !== 'open') {
      const message = `Invoice is ${invoice.status === 'paid' ? 'already paid' : 'void'}`;
      throw new ApiError(400, message, { code: 'invoice_already_paid' });
    }
    if (record.invoice.status === 'open') payInvoice(world, call.account, record, occasion);
  });
}

/** Only what is open can be voided; a draft has to be made final first. */
function planVoid(world: World, call: Call): Plan {
  return planChange(world, call, ({ invoice }, occasion) => {
    if (invoice.status !== 'open') {
      const message = `You can only pass in open invoices. This invoice isn't open.`;
      throw new ApiError(400, message, { code: 'invoice_not_editable' });
    }
    invoice.status = 'void';
    invoice.amount_remaining = 0;
    invoice.status_transitions.voided_at = Math.floor(occasion.atMs / 1000);
    emit(world, call.account, occasion, { type: 'invoice.voided', object: invoice });
  });
}
