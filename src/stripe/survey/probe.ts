import { isOk, isRefusal } from './answer.js';
import type { Finding } from './finding.js';
import type { SentEvent, SurveyScene } from './scene.js';
import type { SurveyWire } from './wire.js';

/** What can only be told once summaries show what was sent. */
export type Judge = () => Finding | Finding[] | Promise<Finding | Finding[]>;

/** One step of a survey. */
export interface Probe {
  readonly name: string;
  /** What it does, for people. */
  readonly does: string;
  run(scene: SurveyScene, wire: SurveyWire): Promise<Judge>;
}

/** What became of an event: refused in the answer, refused after a 200, or counted. */
export type Fate = 'sync' | 'async' | 'counted' | 'unclear';

/** @param countable Nothing of it could ever be seen where this is false. */
export async function fateOf(scene: SurveyScene, sent: SentEvent, countable = true): Promise<Fate> {
  const { answer, event } = sent;
  if (isRefusal(answer)) return 'sync';
  if (!isOk(answer)) return 'unclear';
  if (countable) {
    if (!scene.isReadable) return 'unclear';
    if ((await scene.shown(event.meter, event.timestamp)) !== 0) return 'counted';
  }
  scene.refusedLater.push(sent);
  return 'async';
}

const FATES: Readonly<Record<Fate, string>> = {
  sync: 'refused at once',
  async: 'answered 200, and never counted',
  counted: 'counted',
  unclear: 'not clear',
};

export function fateText(fate: Fate): string {
  return FATES[fate];
}
