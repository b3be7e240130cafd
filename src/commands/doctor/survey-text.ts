import { told } from '../../stripe/survey/answer.js';
import type { Finding } from '../../stripe/survey/finding.js';

/** What no survey of a few minutes can tell. */
const BEYOND = [
  'how long identifiers and idempotency keys are remembered (a day and more)',
  'invoices, trials, error reports and webhooks',
];

/** Of one finding; all of them are in the file. */
const ANSWERS_MAX = 2;

/** The findings for people: what a switch expresses, the rest, and what was not found out. */
export function surveyText(
  findings: readonly Finding[],
  left: readonly string[],
  file: string,
): string {
  const isSwitch = ({ switches }: Finding): boolean => Object.keys(switches).length > 0;
  const measured = findings.filter((finding) => finding.measured);
  const parts = [
    table('Switches of the simulator', measured.filter(isSwitch)),
    table(
      'What no switch expresses',
      measured.filter((finding) => !isSwitch(finding)),
    ),
    table(
      'Not found out',
      findings.filter((finding) => !finding.measured),
    ),
    `Not looked at: ${BEYOND.join('; ')}.`,
    `Saved to ${file}. To try Countonce against a Stripe like this:\n` +
      `  $ npx countonce simulate-stripe --switches ${file}`,
  ];
  if (left.length > 0) parts.push(`COULD NOT CLEAN UP: ${left.join(', ')}`);
  return parts.filter((part) => part !== '').join('\n\n');
}

function table(title: string, findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map((finding) => rowOf(finding, width));
  return [title, ...lines].join('\n');
}

function rowOf({ name, question, result, switches, evidence }: Finding, width: number): string {
  const indent = ' '.repeat(width + 4);
  const settings = Object.entries(switches).map(
    ([switchName, setting]) => `${switchName} = ${JSON.stringify(setting)}`,
  );
  // An answer that was no refusal says nothing that the result does not.
  const refusals = evidence.filter(({ status }) => status >= 300);
  const answers = refusals
    .map((one) => `${one.asked}: ${told(one)}`)
    .filter((line) => !line.endsWith(result))
    .slice(0, ANSWERS_MAX);
  const shown = [...settings, ...answers].map((line) => `\n${indent}${line}`).join('');
  return `  ${name.padEnd(width)}  ${question} ${result}${shown}`;
}
