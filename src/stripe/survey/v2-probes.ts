import { randomUUID } from 'node:crypto';
import { isDuplicate, isOk, isRefusal, told, type Answer } from './answer.js';
import { finding, unmeasured } from './finding.js';
import { fateText, type Probe } from './probe.js';
import type { SentEvent, SurveyScene } from './scene.js';
import type { PostOptions, SurveyWire } from './wire.js';

const V2_EVENTS = '/v2/billing/meter_events';

export const V2_PROBES: readonly Probe[] = [
  {
    name: 'v2',
    does: 'Send events to the v2 API: without a version, an identifier of v1, one twice, a decimal.',
    async run(scene, wire) {
      const ofV1 = await scene.send({ meter: 'sum', value: '1' });
      const across = await send(scene, wire, { ...ofV1.event, timestamp: scene.minute() });
      const first = newEvent(scene, '1');
      await send(scene, wire, first);
      const twice = await send(scene, wire, first);
      const decimal = newEvent(scene, '1.5');
      const decimalAnswer = await send(scene, wire, decimal);
      const bare = await send(scene, wire, newEvent(scene, '1'), { versionless: true });
      return async () => [
        shared(across),
        finding('v2_duplicate_identifier', 'v2: the same identifier again?', told(twice), [
          ['again, fresh key', twice],
        ]),
        await decimals(scene, decimal, decimalAnswer),
        versionless(bare),
      ];
    },
  },
];

type Event = SentEvent['event'];

function newEvent(scene: SurveyScene, value: string): Event {
  return { meter: 'sum', value, identifier: randomUUID(), timestamp: scene.minute() };
}

function send(
  scene: SurveyScene,
  wire: SurveyWire,
  event: Event,
  options: PostOptions = {},
): Promise<Answer> {
  const timestamp = new Date(event.timestamp * 1_000).toISOString();
  const form = { ...scene.form(event), timestamp };
  return wire.post(V2_EVENTS, form, { key: randomUUID(), ...options });
}

function shared(answer: Answer) {
  const name = 'identifiers_of_v1_and_v2';
  const question = 'Does v2 know the identifiers of v1?';
  const asked = [['an identifier of v1', answer]] as const;
  if (isDuplicate(answer)) return finding(name, question, 'yes: refused', asked);
  if (isOk(answer)) return finding(name, question, 'no: accepted', asked);
  return unmeasured(name, question, told(answer), asked);
}

async function decimals(scene: SurveyScene, event: Event, answer: Answer) {
  const name = 'v2_decimal';
  const question = 'v2: a decimal as a value? (STRIPE_V2_VALUES)';
  const asked = [['"1.5"', answer]] as const;
  if (isRefusal(answer)) return finding(name, question, told(answer), asked);
  if (!isOk(answer) || !scene.isReadable) return unmeasured(name, question, told(answer), asked);
  const isCounted = (await scene.shown('sum', event.timestamp)) === 1.5;
  return finding(name, question, fateText(isCounted ? 'counted' : 'async'), asked);
}

function versionless(answer: Answer) {
  const name = 'v2_without_version';
  const question = 'v2: a request without Stripe-Version?';
  const asked = [['without Stripe-Version', answer]] as const;
  const setting = isOk(answer) ? 'accept' : isRefusal(answer) ? 'reject' : undefined;
  if (setting === undefined) return unmeasured(name, question, told(answer), asked);
  return finding(name, question, told(answer), asked, { v2WithoutVersion: setting });
}
