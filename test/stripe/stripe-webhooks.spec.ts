import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { parseEvent, signedText } from '../../src/stripe/stripe-webhooks.js';

const SECRET = 'whsec_right';
const NOW_MS = Date.UTC(2026, 10, 20);
const NOW_S = NOW_MS / 1_000;
const PAYLOAD = '{"id": "evt_1",\n "type": "a.b", "text": "ü"}';

function headerOf(payload = PAYLOAD, timestamp = NOW_S, secret = SECRET): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
}

function check(payload: string | Uint8Array, header: string, secrets = [SECRET]) {
  return signedText(Buffer.from(payload as string), header, secrets, NOW_MS);
}

describe('a signature', () => {
  it('is one of any of the secrets, in any of its places', () => {
    expect(check(PAYLOAD, headerOf())).toBe(PAYLOAD);
    expect(check(PAYLOAD, headerOf(), ['whsec_other', SECRET])).toBe(PAYLOAD);
    const rolled = `${headerOf(PAYLOAD, NOW_S, 'whsec_old')},${headerOf().split(',')[1]}`;
    expect(check(PAYLOAD, rolled)).toBe(PAYLOAD);
    expect(check(PAYLOAD, rolled, ['whsec_old'])).toBe(PAYLOAD);
  });

  it('is none of another secret, nor of no secret', () => {
    expect(check(PAYLOAD, headerOf(PAYLOAD, NOW_S, 'whsec_wrong'))).toBeUndefined();
    expect(check(PAYLOAD, headerOf(), [])).toBeUndefined();
  });

  it('holds for these bytes alone', () => {
    const header = headerOf();
    const reserialised = JSON.stringify(JSON.parse(PAYLOAD));
    const bytes = Buffer.from(PAYLOAD);
    const withMark = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    for (const other of [reserialised, `${PAYLOAD} `, PAYLOAD.replace('1', '2'), withMark, '']) {
      expect(check(other, header)).toBeUndefined();
    }
    // U+FFFD is what a lenient reader makes of a byte that is not UTF-8.
    const replaced = '{"id":"\uFFFD"}';
    const broken = Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(check(replaced, headerOf(replaced))).toBe(replaced);
    expect(check(broken, headerOf(replaced))).toBeUndefined();
  });

  it.each([
    [-300, true],
    [-301, false],
    [0, true],
    [300, true],
    [301, false],
  ])('made %i s from now is timely: %s', (seconds, isTimely) => {
    const header = headerOf(PAYLOAD, NOW_S + seconds);
    expect(check(PAYLOAD, header) !== undefined).toBe(isTimely);
  });

  it.each([
    '',
    'v1=00',
    `t=${NOW_S}`,
    `t=${NOW_S},v1=`,
    `t=${NOW_S},v1`,
    `t=x,${headerOf().split(',')[1]}`,
    `t=-1,${headerOf().split(',')[1]}`,
    headerOf().replace('v1', 'v0'),
    `t=1,${headerOf()}`,
    // As long as a right one, but of more bytes.
    `t=${NOW_S},v1=${'é'.repeat(64)}`,
  ])('is none in the header %j', (header) => {
    expect(check(PAYLOAD, header)).toBeUndefined();
  });
});

describe('an event', () => {
  it('is read in its classic form', () => {
    const event = {
      id: 'evt_1',
      object: 'event',
      type: 'customer.subscription.updated',
      created: 1_795_132_800,
      livemode: true,
      account: 'acct_connected',
      data: { object: { id: 'sub_1', object: 'subscription' } },
    };
    expect(parseEvent(JSON.stringify(event))).toEqual({
      eventId: 'evt_1',
      type: 'customer.subscription.updated',
      objectId: 'sub_1',
      livemode: true,
      accountId: 'acct_connected',
      eventAt: 1_795_132_800_000_000,
    });
  });

  it('is read in its thin form', () => {
    const event = {
      id: 'evt_test_1',
      object: 'v2.core.event',
      type: 'v1.billing.meter.error_report_triggered',
      created: '2026-11-20T00:00:00.123Z',
      livemode: false,
      context: 'org_1/acct_1',
      related_object: { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' },
    };
    expect(parseEvent(JSON.stringify(event))).toEqual({
      eventId: 'evt_test_1',
      type: 'v1.billing.meter.error_report_triggered',
      objectId: 'mtr_1',
      livemode: false,
      accountId: 'acct_1',
      eventAt: NOW_MS * 1_000 + 123_000,
    });
    const bare = { ...event, context: null, related_object: {} };
    expect(parseEvent(JSON.stringify(bare))).toMatchObject({ accountId: null, objectId: null });
  });

  it.each([
    '',
    'null',
    '[]',
    '"evt_1"',
    '{}',
    '{"id":"evt_1"}',
    '{"id":1,"type":"a"}',
    '{"id":"","type":"a"}',
    String.raw`{"id":"evt_\u0000","type":"a"}`,
    String.raw`{"id":"evt_\ud800","type":"a"}`,
    `{"id":"${'e'.repeat(256)}","type":"a"}`,
    '{"__proto__":{"id":"evt_1","type":"a"}}',
  ])('is none: %s', (text) => {
    expect(parseEvent(text)).toBeUndefined();
  });
});
