import { randomUUID } from 'node:crypto';
import { isDuplicate, isOk, told } from './answer.js';
import { finding, unmeasured, type Finding } from './finding.js';
import type { Probe } from './probe.js';
import type { SentEvent, SurveyScene } from './scene.js';

const LONG_KEY_CHARACTERS = 256;

export const IDENTIFIER_PROBES: readonly Probe[] = [
  {
    name: 'identifiers',
    does: 'Send one event again: under its key, under a fresh key, and with another value.',
    async run(scene) {
      const key = randomUUID();
      const first = await scene.send({ meter: 'sum', value: '1', key });
      const again = await scene.send({ ...first.event, key });
      const fresh = await scene.send({ ...first.event, key: randomUUID() });
      const other = await scene.send({ ...first.event, value: '2', key });
      return () => [replayed(again), duplicate(fresh), mismatch(other)];
    },
  },
  {
    name: 'identifier scope',
    does: 'Send one identifier to two meters, and for two customers.',
    async run(scene) {
      const { event } = await scene.send({ meter: 'sum', value: '1' });
      const fresh = () => ({ identifier: event.identifier, value: '1', timestamp: scene.minute() });
      const otherMeter = await scene.send({ meter: 'other', ...fresh() });
      const customer = scene.otherCustomer;
      const otherCustomer = await scene.send({ meter: 'sum', customer, ...fresh() });
      return () => scope(otherMeter, otherCustomer);
    },
  },
  {
    name: 'a key that is too long',
    does: `Send an event under an idempotency key of ${LONG_KEY_CHARACTERS} characters.`,
    async run(scene) {
      const key = 'k'.repeat(LONG_KEY_CHARACTERS);
      const { answer } = await scene.send({ meter: 'sum', value: '1', key });
      const question = 'An idempotency key of more than 255 characters?';
      const { type } = answer;
      const isKnown = type === 'idempotency_error' || type === 'invalid_request_error';
      const switches = !isOk(answer) && isKnown ? { longKeyErrorType: type } : {};
      return () =>
        finding('long_key', question, told(answer), [['256 characters', answer]], switches);
    },
  },
  {
    name: 'an identifier after a refusal',
    does: 'Send an event that is refused at once, then a right one under its identifier.',
    async run(scene) {
      const refused = await refusedAtOnce(scene);
      const question = 'Is an identifier free again after its event was refused at once?';
      const name = 'identifier_after_refusal';
      if (refused === undefined) {
        return () => unmeasured(name, question, 'nothing was refused at once');
      }
      const { identifier } = refused.event;
      const right = await scene.send({ meter: 'sum', value: '1', identifier });
      const result = isOk(right.answer)
        ? 'free'
        : isDuplicate(right.answer)
          ? 'taken'
          : 'not clear';
      const asked = [
        ['refused', refused.answer],
        ['right, same identifier', right.answer],
      ] as const;
      return () => finding(name, question, result, asked);
    },
  },
];

function replayed({ answer }: SentEvent): Finding {
  const question = 'The same request under the same Idempotency-Key?';
  const header = answer.headers['idempotent-replayed'];
  const marked = header === undefined ? 'without Idempotent-Replayed' : 'with Idempotent-Replayed';
  const result = isOk(answer) ? `the first answer, ${marked}` : told(answer);
  return finding('idempotency_replay', question, result, [['same key', answer]]);
}

function duplicate({ answer }: SentEvent): Finding {
  const question = 'The same identifier under a fresh Idempotency-Key?';
  const result = isOk(answer) ? 'accepted again' : told(answer);
  return finding('duplicate_identifier', question, result, [['fresh key', answer]]);
}

function mismatch({ answer }: SentEvent): Finding {
  const question = 'The same Idempotency-Key with another value?';
  return finding('idempotency_mismatch', question, told(answer), [['other value', answer]]);
}

function scope(otherMeter: SentEvent, otherCustomer: SentEvent): Finding {
  const question = 'Within what is an identifier unique?';
  const asked = [
    ['on another meter', otherMeter.answer],
    ['for another customer', otherCustomer.answer],
  ] as const;
  const name = 'identifier_scope';
  const [meter, customer] = [otherMeter, otherCustomer].map(({ answer }) =>
    isOk(answer) ? 'free' : isDuplicate(answer) ? 'taken' : undefined,
  );
  if (meter === undefined || customer === undefined) {
    return unmeasured(name, question, 'not clear from the answers', asked);
  }
  const identifierScope =
    meter === 'taken' ? 'account' : customer === 'taken' ? 'meter' : 'customer';
  return finding(name, question, identifierScope, asked, { identifierScope });
}

/** Of several events that may be refused at once, the first that is. */
async function refusedAtOnce(scene: SurveyScene): Promise<SentEvent | undefined> {
  const meter = 'sum';
  const candidates = [
    { meter, value: 'abc' },
    { meter, value: '1', timestamp: scene.nowSeconds - 40 * 86_400 },
    { meter, value: '1234567890123456' },
    { meter, value: '1', customer: 'cus_countonce_doctor' },
  ] as const;
  for (const candidate of candidates) {
    const sent = await scene.send(candidate);
    if (!isOk(sent.answer) && !isDuplicate(sent.answer)) return sent;
  }
  return undefined;
}
