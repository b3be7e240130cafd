import { evidenceOf, type Answer, type Evidence } from './answer.js';

/** Settings of the simulator's switches, by their names there. */
export type SwitchSettings = Readonly<Record<string, unknown>>;

/** One thing that Stripe leaves open, and what it turned out to do. */
export interface Finding {
  readonly name: string;
  readonly question: string;
  readonly result: string;
  /** Whether the question was answered. */
  readonly measured: boolean;
  /** What of it a switch of the simulator expresses. */
  readonly switches: SwitchSettings;
  readonly evidence: readonly Evidence[];
}

type Asked = readonly [asked: string, answer: Answer];

export function finding(
  name: string,
  question: string,
  result: string,
  answers: readonly Asked[],
  switches: SwitchSettings = {},
): Finding {
  const evidence = answers.map(([asked, answer]) => evidenceOf(asked, answer));
  return { name, question, result, measured: true, switches, evidence };
}

/** @param why What kept it from being answered. */
export function unmeasured(
  name: string,
  question: string,
  why: string,
  answers: readonly Asked[] = [],
): Finding {
  return { ...finding(name, question, why, answers), measured: false };
}
