import { isUtf8 } from 'node:buffer';
import Stripe from 'stripe';
import { MICROS_PER_SECOND, parseInstant, type Micros } from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { membersOf, parsed } from './json-members.js';
import { clientOfV2 } from './stripe-v2-client.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';

/** What is taken over from the body of an event, classic or thin; the rest of it is never believed. */
export interface ReceivedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly objectId: string | null;
  readonly livemode: boolean;
  /** The connected account, for events of one. */
  readonly accountId: string | null;
  readonly eventAt: Micros | null;
}

/** How far a signature's time may lie behind or ahead of ours. Stripe's own libraries look behind alone. */
const TOLERANCE_S = 300;
const NAME_LENGTH_MAX = 255;

/**
 * The text of a body that one of the secrets signed, less than five minutes ago.
 *
 * @param nowMs Unix milliseconds.
 * @returns Nothing where none did, whatever the reason.
 */
export function signedText(
  body: Uint8Array,
  header: string,
  secrets: readonly string[],
  nowMs: number,
): string | undefined {
  // The SDK decodes bytes leniently, so that altered ones could pass for those that were signed.
  if (body.length === 0 || !isUtf8(body)) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  if (!isTimely(header, nowMs)) return undefined;
  return secrets.some((secret) => isSigned(text, header, secret, nowMs)) ? text : undefined;
}

function isSigned(text: string, header: string, secret: string, nowMs: number): boolean {
  const { signature } = Stripe.webhooks;
  if (signature === null) throw new Error('the Stripe SDK cannot verify signatures here');
  try {
    return signature.verifyHeader(text, header, secret, TOLERANCE_S, undefined, nowMs);
  } catch {
    // Not its own errors alone: a signature of odd characters breaks its comparison.
    return false;
  }
}

/** Signed over, so a wrong time is only told from a right signature by the age it claims. */
function isTimely(header: string, nowMs: number): boolean {
  const times = [...header.matchAll(/(?:^|,)t=([^,]*)/g)].map(([, time]) => time!);
  const [time] = times;
  if (times.length !== 1 || !/^\d{1,12}$/.test(time!)) return false;
  return Math.abs(Math.floor(nowMs / 1_000) - Number(time)) <= TOLERANCE_S;
}

/** @returns Nothing where the text is no event. */
export function parseEvent(text: string): ReceivedEvent | undefined {
  const event = membersOf(parsed(text));
  const eventId = nameOf(event['id']);
  const type = nameOf(event['type']);
  if (eventId === undefined || type === undefined) return undefined;
  const isThin = event['object'] === 'v2.core.event';
  const object = isThin ? event['related_object'] : membersOf(event['data'])['object'];
  return {
    eventId,
    type,
    objectId: nameOf(membersOf(object)['id']) ?? null,
    livemode: event['livemode'] === true,
    accountId: (isThin ? contextAccount(event['context']) : nameOf(event['account'])) ?? null,
    eventAt: instantOf(event['created']) ?? null,
  };
}

/**
 * An event of Stripe's v2 API as Stripe has it now; kept there for 30 days.
 *
 * @throws StripeUnavailable where Stripe does not answer, or not with the event.
 */
export async function fetchEvent(
  account: StripeAccount,
  eventId: string,
): Promise<Stripe.V2.Core.Event> {
  try {
    return await clientOfV2(account).v2.core.events.retrieve(eventId);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (error.statusCode === 404) {
      throw new Error(`Stripe has no event ${eventId}`, { cause: error });
    }
    throw new StripeUnavailable(`Stripe did not show the event: ${error.message}`, {
      cause: error,
    });
  }
}

function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > NAME_LENGTH_MAX) return undefined;
  return isStorableText(value) ? value : undefined;
}

/** A context may be a path, from the organization down to the account. */
function contextAccount(context: unknown): string | undefined {
  return nameOf(nameOf(context)?.split('/').at(-1));
}

/** Unix seconds in classic events, RFC 3339 in thin ones. */
function instantOf(created: unknown): Micros | undefined {
  if (typeof created === 'string') return parseInstant(created);
  const isInstant = typeof created === 'number' && created > 0 && created < 1e11;
  return isInstant ? Math.floor(created) * MICROS_PER_SECOND : undefined;
}
