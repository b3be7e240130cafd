import { isOk } from './answer.js';
import { finding, unmeasured, type Finding } from './finding.js';
import type { SentEvent, SurveyScene } from './scene.js';

const SENTINELS = 3;
/** Reads after all is shown: one that shows less stepped back. */
const FURTHER_READS = 6;

export interface LagOptions {
  readonly waitMs: number;
  readonly pollMs: number;
  /** After the last one shows, until what was sent before it is taken for shown as well. */
  readonly quietMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Sentinel {
  readonly sent: SentEvent;
  /** Surely not longer than this, and surely not shorter than that. */
  atMostMs: number | undefined;
  atLeastMs: number;
}

/**
 * Waits until summaries show what has been sent: events sent after all others are watched, and how
 * long they take is the finding.
 */
export async function awaitSummaries(scene: SurveyScene, options: LagOptions): Promise<Finding[]> {
  const { waitMs, pollMs, quietMs, signal } = options;
  const sentinels: Sentinel[] = [];
  for (let count = 0; count < SENTINELS; count++) {
    const sent = await scene.send({ meter: 'sum', value: '1' });
    sentinels.push({ sent, atMostMs: undefined, atLeastMs: 0 });
  }
  const deadline = performance.now() + waitMs;
  const isShown = () => sentinels.every(({ atMostMs }) => atMostMs !== undefined);
  while (!isShown() && performance.now() < deadline) {
    for (const sentinel of sentinels) await look(scene, sentinel);
    if (!isShown()) await scene.pause(pollMs, signal);
  }
  if (!isShown()) return [lagUnknown(sentinels, waitMs)];
  scene.isReadable = true;
  const longest = Math.max(...sentinels.map(({ atMostMs }) => atMostMs!));
  await scene.pause(Math.max(quietMs, longest), signal);
  return [lagFinding(sentinels), await stepsBack(scene, sentinels)];
}

async function look(scene: SurveyScene, sentinel: Sentinel): Promise<void> {
  if (sentinel.atMostMs !== undefined) return;
  const { answer, event } = sentinel.sent;
  const askedAtMs = performance.now();
  const value = await scene.total('sum', event.timestamp);
  if (value !== undefined && value !== 0) sentinel.atMostMs = performance.now() - answer.sentAtMs;
  else sentinel.atLeastMs = Math.max(0, askedAtMs - answer.answeredAtMs);
}

const QUESTION = 'How long until a summary shows an event?';

function lagFinding(sentinels: readonly Sentinel[]): Finding {
  const most = sentinels.map(({ atMostMs }) => Math.ceil(atMostMs!)).sort((a, b) => a - b);
  const minMs = Math.floor(Math.min(...sentinels.map(({ atLeastMs }) => atLeastMs)));
  const [shortest, median, longest] = [most[0]!, most[Math.floor(most.length / 2)]!, most.at(-1)!];
  const result = `${shortest} / ${median} / ${longest} ms (min / median / max of ${most.length})`;
  const asked = sentinels.map(({ sent }) => ['sent', sent.answer] as const);
  const aggregationLagMs = { minMs, maxMs: longest };
  return finding('summary_lag', QUESTION, result, asked, { aggregationLagMs });
}

function lagUnknown(sentinels: readonly Sentinel[], waitMs: number): Finding {
  const asked = sentinels.map(({ sent }) => ['sent', sent.answer] as const);
  const areSent = sentinels.every(({ sent }) => isOk(sent.answer));
  const why = areSent ? `longer than ${waitMs / 1_000} s` : 'the events were not accepted';
  return unmeasured('summary_lag', QUESTION, why, asked);
}

async function stepsBack(scene: SurveyScene, sentinels: readonly Sentinel[]): Promise<Finding> {
  const { event, answer } = sentinels[0]!.sent;
  let back = 0;
  for (let reads = 0; reads < FURTHER_READS; reads++) {
    if ((await scene.total('sum', event.timestamp)) === 0) back++;
  }
  const question = 'Does a summary show less again than it did?';
  const result = `${back} of ${FURTHER_READS} reads did`;
  return finding('summary_steps_back', question, result, [['sent', answer]]);
}
