import { told, type Answer } from './answer.js';
import { finding, unmeasured, type Finding } from './finding.js';
import { fateOf, fateText, type Probe } from './probe.js';
import type { SurveyEvent, SurveyScene } from './scene.js';

const DAY_S = 86_400;

interface Refusal {
  readonly finding: string;
  readonly question: string;
  /** The switch that says whether it is told at once or later. */
  readonly switchName?: string;
  /** Whether it could be seen if it were counted. */
  readonly countable: boolean;
  event(scene: SurveyScene): SurveyEvent;
}

const REFUSALS: readonly Refusal[] = [
  {
    finding: 'timestamp_too_old',
    question: 'A timestamp 36 days back?',
    switchName: 'timestampOutOfRange',
    countable: true,
    event: ({ nowSeconds }) => ({
      meter: 'sum',
      value: '1',
      timestamp: nowSeconds - 36 * DAY_S,
    }),
  },
  {
    finding: 'timestamp_ahead',
    question: 'A timestamp an hour ahead?',
    countable: true,
    event: ({ nowSeconds }) => ({ meter: 'sum', value: '1', timestamp: nowSeconds + 3_600 }),
  },
  {
    finding: 'unknown_event_name',
    question: 'An event name that no meter has?',
    switchName: 'unknownMeter',
    countable: false,
    event: ({ prefix }) => ({ meter: 'sum', value: '1', eventName: `${prefix}_nobody` }),
  },
  {
    finding: 'unknown_customer',
    question: 'A customer that does not exist?',
    switchName: 'unknownCustomer',
    countable: false,
    event: () => ({ meter: 'sum', value: '1', customer: 'cus_countonce_doctor' }),
  },
  {
    finding: 'customer_missing',
    question: 'A payload without a customer?',
    countable: false,
    event: () => ({ meter: 'sum', value: '1', customerless: true }),
  },
];

export const REFUSAL_PROBES: readonly Probe[] = REFUSALS.map((refusal) => ({
  name: refusal.finding.replaceAll('_', ' '),
  does: `Send an event: ${refusal.question.toLowerCase().replace('?', '.')}`,
  async run(scene) {
    const sent = await scene.send(refusal.event(scene));
    return async () => {
      const fate = await fateOf(scene, sent, refusal.countable);
      const { question, switchName } = refusal;
      const asked = [[question, sent.answer]] as const;
      if (fate === 'unclear') return unmeasured(refusal.finding, question, 'not clear', asked);
      const isTold = switchName !== undefined && fate !== 'counted';
      const result = fate === 'sync' ? told(sent.answer) : fateText(fate);
      const switches = isTold ? { [switchName]: fate } : {};
      return finding(refusal.finding, question, result, asked, switches);
    };
  },
}));

/** After everything else that the meter is needed for. */
export const INACTIVE_METER: Probe = {
  name: 'an inactive meter',
  does: 'Deactivate a meter of the survey and send an event for it.',
  async run(scene, wire) {
    await wire.post(`/v1/billing/meters/${scene.meterId('other')}/deactivate`, {});
    const sent = await scene.send({ meter: 'other', value: '1' });
    const fate = await fateOf(scene, sent, false);
    return () => inactive(sent.answer, fate === 'async');
  },
};

function inactive(answer: Answer, isLater: boolean): Finding {
  const question = 'An event for an inactive meter?';
  const result = isLater ? fateText('async') : told(answer);
  return finding('inactive_meter', question, result, [[question, answer]]);
}
