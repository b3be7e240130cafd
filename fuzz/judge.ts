import { checkProblem, OVERLOAD_CODES, parseObject } from './checks/check-problem.js';
import { leaksIn } from './checks/check-leaks.js';
import type { DeclaredAnswers } from './checks/declared-answers.js';
import type { KnownProblem } from './checks/known-problems.js';
import type { Finding } from './findings.js';
import type { HttpPlan } from './plan.js';
import type { Answer, NoAnswer } from './send/http-door.js';
import type { RawAnswer } from './send/raw-door.js';

/** What an answer is held against, whatever it was that was asked. */
export interface Rules {
  readonly known: ReadonlyMap<string, KnownProblem>;
  readonly declared: DeclaredAnswers;
  readonly secrets: ReadonlySet<string>;
}

/** Answers that are not ours: pages and programs for people. */
const PAGES = /^(?:https?:\/\/[^/]+)?\/docs/;
/** The second tenant has no webhook: the contract answers 503. */
const UNCONFIGURED: ReadonlySet<string> = new Set(['webhook_not_configured']);
/** Whoever stops reading early may cut off who is still sending. */
const LARGE_BYTES = 64 * 1_024;

/** @returns What is wrong with an answer by itself. */
export function judge(
  plan: HttpPlan,
  path: string,
  bodyBytes: number,
  answer: Answer | NoAnswer,
  { known, declared, secrets }: Rules,
): Finding[] {
  const where = plan.operation === 'stray' ? `${plan.method} ${plan.path}` : plan.operation;
  const finding = (check: string, detail: string): Finding => ({ check, where, detail });
  if ('cut' in answer) {
    const isLarge = bodyBytes > LARGE_BYTES || plan.body?.coding === 'gzip-bomb';
    return isLarge ? [] : [finding('no answer', answer.cut)];
  }
  const { status, text } = answer;
  const shown = text.slice(0, 800);
  const findings: Finding[] = [];
  const isOverload = isOverloadAnswer(answer);
  if (status >= 500 && !isOverload && !UNCONFIGURED.has(codeOf(text))) {
    findings.push({ check: `${status}`, where: `${where} ${codeOf(text)}`, detail: shown });
  }
  if (status >= 400 && plan.method !== 'HEAD' && !isReceipt(plan, answer)) {
    const wrong = checkProblem(answer, known);
    if (wrong.length > 0) findings.push(finding(`no problem: ${wrong.join('; ')}`, shown));
  }
  if (!PAGES.test(path)) {
    const leaks = leaksIn(isMaking(plan, answer) ? '' : text, secrets);
    if (leaks.length > 0) findings.push(finding(`tells ${leaks.join(', ')}`, shown));
  }
  if (plan.operation !== 'stray' && !isOverload) {
    const wrong = declared.check(plan.operation, answer);
    if (wrong.length > 0) findings.push(finding(`not as declared: ${wrong.join('; ')}`, shown));
  }
  return findings;
}

/** Of a batch of which nothing was recorded: a receipt that is no problem document. */
function isReceipt({ operation }: HttpPlan, { status, headers, text }: Answer): boolean {
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  const isOfUsage = operation === 'POST /v1/usage-events' && status === 422 && isJson;
  return isOfUsage && Array.isArray(parseObject(text)?.['results']);
}

export function isOverloadAnswer({ status, text }: Pick<Answer, 'status' | 'text'>): boolean {
  return (status === 503 || status === 429) && OVERLOAD_CODES.has(codeOf(text));
}

export function codeOf(text: string): string {
  const code = parseObject(text)?.['code'];
  return typeof code === 'string' ? code : 'without a code';
}

/** The one answer that tells a key. */
function isMaking({ operation }: HttpPlan, { status, headers }: Answer): boolean {
  return (
    operation.startsWith('POST /v1/api-keys') &&
    status < 300 &&
    headers['idempotency-replayed'] === undefined
  );
}

/** @returns What is wrong with what came back for bytes that need not be HTTP. */
export function judgeRaw(
  what: string,
  answers: readonly RawAnswer[] | undefined,
  { known, secrets }: Rules,
): Finding[] {
  const where = `raw bytes: ${what}`;
  if (answers === undefined) return [{ check: 'no HTTP', where, detail: '' }];
  return answers.flatMap(({ status, contentType, retryAfter, text }) => {
    const detail = text.slice(0, 800);
    const headers = { 'content-type': contentType, 'retry-after': retryAfter };
    const answer = { status, text, headers } as Answer;
    const findings: Finding[] = [];
    if (status >= 500 && !isOverloadAnswer(answer)) {
      findings.push({ check: `${status}`, where, detail });
    }
    const wrong = status >= 400 ? checkProblem(answer, known) : [];
    if (wrong.length > 0) {
      findings.push({ check: `no problem: ${wrong.join('; ')}`, where, detail });
    }
    const leaks = leaksIn(text, secrets);
    if (leaks.length > 0) findings.push({ check: `tells ${leaks.join(', ')}`, where, detail });
    return findings;
  });
}
