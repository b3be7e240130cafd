import { ACCOUNT_PROBE } from './account-probe.js';
import { CANCEL_PROBES } from './cancel-probes.js';
import { COUNTING_PROBES } from './counting-probes.js';
import type { Finding } from './finding.js';
import { IDENTIFIER_PROBES } from './identifier-probes.js';
import type { Judge, Probe } from './probe.js';
import { INACTIVE_METER, REFUSAL_PROBES } from './refusal-probes.js';
import { SurveyScene } from './scene.js';
import { awaitSummaries } from './summary-lag.js';
import { V2_PROBES } from './v2-probes.js';
import { VALUE_PROBES } from './value-probes.js';
import { SurveyWire, type WireOptions } from './wire.js';

/** Those whose events are read once, together. */
const READ_TOGETHER: readonly Probe[] = [
  ACCOUNT_PROBE,
  ...IDENTIFIER_PROBES,
  ...VALUE_PROBES,
  ...REFUSAL_PROBES,
  ...COUNTING_PROBES,
  ...V2_PROBES,
];
/** Those that come after, since they want what was sent worked on. */
const AFTERWARDS: readonly Probe[] = [...CANCEL_PROBES, INACTIVE_METER];

export interface SurveyOptions extends WireOptions {
  /** How long summaries are waited for, milliseconds. */
  readonly waitMs: number;
  readonly pollMs?: number;
  readonly quietMs?: number;
  /** Told before each step. */
  readonly onStep?: (name: string, done: number, of: number) => void;
}

export interface Survey {
  readonly findings: readonly Finding[];
  /** What could not be cleaned up: ids of meters and customers. */
  readonly left: readonly string[];
}

/** What a survey does, step by step. */
export function surveySteps(): string[] {
  return [
    'Make three meters (two of sum, one of last) and two customers, to be thrown away.',
    ...READ_TOGETHER.map(({ does }) => does),
    'Wait until summaries show what was sent, and measure how long that takes.',
    ...AFTERWARDS.map(({ does }) => does),
    'Deactivate the meters and delete the customers.',
  ];
}

/**
 * Measures what Stripe leaves undocumented, by events of its own. Cleans up whatever happens.
 *
 * @throws NoAnswer, SurveyNotPossible, or the signal's reason.
 */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const wire = new SurveyWire(options);
  const scene = new SurveyScene(wire);
  let findings: Finding[];
  let left: string[];
  try {
    await scene.setUp();
    findings = await measure(scene, wire, options);
  } finally {
    left = await scene.cleanUp();
  }
  return { findings, left };
}

async function measure(
  scene: SurveyScene,
  wire: SurveyWire,
  options: SurveyOptions,
): Promise<Finding[]> {
  const { waitMs, pollMs = 2_000, quietMs = 5_000, signal } = options;
  const of = READ_TOGETHER.length + AFTERWARDS.length + 2;
  let done = 0;
  const step = (name: string): void => options.onStep?.(name, done++, of);

  const judges: Judge[] = [];
  for (const probe of READ_TOGETHER) {
    step(probe.name);
    judges.push(await probe.run(scene, wire));
  }
  step('waiting for summaries');
  const findings = await awaitSummaries(scene, { waitMs, pollMs, quietMs, signal });
  step('reading summaries');
  for (const judge of judges) findings.push(...[await judge()].flat());
  for (const probe of AFTERWARDS) {
    step(probe.name);
    const judge = await probe.run(scene, wire);
    findings.push(...[await judge()].flat());
  }
  return findings;
}
