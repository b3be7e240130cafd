import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOk, type Answer } from './answer.js';
import { finding, unmeasured, type Finding } from './finding.js';
import type { Probe } from './probe.js';
import type { SentEvent, SurveyScene } from './scene.js';

const EVENTS = '/v1/billing/meter_events';
const TIES = 3;
/** Under a sandbox's 25 calls a second, with a pause between. */
const BURST = 8;
const BURSTS = 6;
const BURST_PAUSE_MS = 1_000;

export const COUNTING_PROBES: readonly Probe[] = [
  {
    name: 'a tie of last',
    does: `Send two values with one timestamp to a meter of the last value, ${TIES} times.`,
    async run(scene) {
      const ties: (readonly [SentEvent, SentEvent])[] = [];
      for (let count = 0; count < TIES; count++) {
        const first = await scene.send({ meter: 'last', value: '3' });
        const { timestamp } = first.event;
        ties.push([first, await scene.send({ meter: 'last', value: '7', timestamp })]);
      }
      return () => lastTie(scene, ties);
    },
  },
  {
    name: 'the end of a summary',
    does: 'Send an event on the first second of a minute, and read the minute before it.',
    async run(scene) {
      const before = scene.minute();
      const sent = await scene.send({ meter: 'sum', value: '1' });
      return () => summaryEnd(scene, before, sent);
    },
  },
  {
    name: 'concurrent events',
    does: `Send up to ${BURSTS} bursts of ${BURST} events at once for one customer and meter.`,
    async run(scene, wire) {
      const answers: Answer[] = [];
      for (let burst = 0; burst < BURSTS && !answers.some(isCrowded); burst++) {
        if (burst > 0) await sleep(BURST_PAUSE_MS);
        const forms = Array.from({ length: BURST }, () =>
          scene.form({
            meter: 'other',
            value: '1',
            identifier: randomUUID(),
            timestamp: scene.nowSeconds,
          }),
        );
        answers.push(...(await wire.burst(EVENTS, forms)));
      }
      return () => concurrency(answers);
    },
  },
];

async function lastTie(
  scene: SurveyScene,
  ties: readonly (readonly [SentEvent, SentEvent])[],
): Promise<Finding> {
  const name = 'last_tie';
  const question =
    'Of two events with one timestamp, which one does a meter of the last value take?';
  const asked = ties.map(([, { answer }]) => ['the second of two', answer] as const);
  if (!scene.isReadable) return unmeasured(name, question, 'summaries did not show it', asked);
  const taken = new Set<number>();
  for (const [, { event }] of ties) taken.add(await scene.shown('last', event.timestamp));
  const [value] = taken;
  const lastTie = taken.size > 1 ? undefined : value === 3 ? 'first' : value === 7 ? 'last' : null;
  if (lastTie === undefined) return finding(name, question, 'now the one, now the other', asked);
  if (lastTie === null) return unmeasured(name, question, `neither: it shows ${value!}`, asked);
  return finding(name, question, lastTie, asked, { lastTie });
}

async function summaryEnd(
  scene: SurveyScene,
  before: number,
  { event, answer }: SentEvent,
): Promise<Finding> {
  const name = 'summary_end';
  const question = 'Does a summary hold an event at its very end?';
  const asked = [['on the first second of a minute', answer]] as const;
  const own = scene.isReadable ? await scene.shown('sum', event.timestamp) : 0;
  if (own === 0) return unmeasured(name, question, 'summaries did not show it', asked);
  const holds = (await scene.shown('sum', before)) !== 0;
  return finding(name, question, holds ? 'yes: the end is inclusive' : 'no: half-open', asked);
}

/** A limit on requests per second has a reason of its own, and says nothing here. */
function isCrowded(answer: Answer): boolean {
  if (answer.status === 409) return true;
  const reason = answer.headers['stripe-rate-limited-reason'];
  return answer.status === 429 && (reason === undefined || reason === 'resource-specific');
}

function concurrency(answers: readonly Answer[]): Finding {
  const name = 'concurrency';
  const question = 'Several events at once for one customer and meter?';
  const crowded = answers.find(isCrowded);
  if (crowded !== undefined) {
    const status = String(crowded.status);
    const settings = { concurrentSameCustomer: status };
    return finding(name, question, `refused with ${status}`, [['at once', crowded]], settings);
  }
  const others = answers.filter((answer) => !isOk(answer));
  const asked = [...others, ...answers].slice(0, 1).map((answer) => ['at once', answer] as const);
  if (others.length > 0) return unmeasured(name, question, 'other refusals came between', asked);
  const result = `${answers.length} of ${answers.length} accepted`;
  return finding(name, question, result, asked, { concurrentSameCustomer: 'allowed' });
}
