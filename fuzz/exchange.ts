import { checkErrors, parseObject } from './checks/check-problem.js';
import { CommandsSentAgain } from './checks/commands-sent-again.js';
import type { Journal } from './checks/journal.js';
import { ReadBack } from './checks/read-back.js';
import { checkReceipt, readReceipt } from './checks/receipts.js';
import { eventsIn, sentEvent } from './checks/sent-event.js';
import { toCurl, toNetcat } from './curl.js';
import type { Finding } from './findings.js';
import { codeOf, isOverloadAnswer, judge, judgeRaw, type Rules } from './judge.js';
import type { HttpPlan, Plan, RawPlan } from './plan.js';
import type { Rig } from './rig.js';
import type { Answer, Door, NoAnswer } from './send/http-door.js';
import { readAnswers, sendRaw } from './send/raw-door.js';
import { toRawBytes, toWire, type Wire } from './send/wire.js';
import { increment, type Tally } from './tally.js';

const USAGE = 'POST /v1/usage-events';
/** More than a replay of the quarantine records in one call. */
const REPLAYED_MAX = 10_000;

export interface Exchanged {
  readonly findings: readonly Finding[];
  readonly reproduction: string;
}

/** Sends one request, and holds its answer against everything that is known when it comes. */
export class Exchange {
  readonly again = new CommandsSentAgain();
  readonly readBack = new ReadBack();

  constructor(
    private readonly rig: Rig,
    private readonly door: Door,
    private readonly rules: Rules,
    private readonly journal: Journal,
    private readonly tally: Tally,
  ) {}

  make(request: number, plan: Plan): Promise<Exchanged> {
    return plan.kind === 'raw' ? this.makeRaw(plan) : this.makeHttp(request, plan);
  }

  private async makeRaw(plan: RawPlan): Promise<Exchanged> {
    const bytes = toRawBytes(plan, this.rig.world);
    this.tally.raw++;
    const answers = readAnswers(await sendRaw(this.rig.port, bytes, plan));
    for (const { status } of answers ?? []) {
      this.tally.rawAnswers++;
      increment(this.tally.byStatus, status);
    }
    return {
      findings: judgeRaw(plan.what, answers, this.rules),
      reproduction: toNetcat(bytes, this.rules.secrets),
    };
  }

  private async makeHttp(request: number, plan: HttpPlan): Promise<Exchanged> {
    const { rig, door, journal, again, readBack, rules } = this;
    const wire = toWire(plan, rig.world, Math.floor(Date.now() / 1_000));
    const events = eventsOf(plan, wire);
    for (const event of events) journal.noteSent(plan.tenant, event);
    this.noteReplacement(plan, wire);
    const command = again.begin(plan.tenant, wire);
    const changes = readBack.begin(plan.tenant, plan.operation);
    const answer = await door.send(wire);
    const isAnswered = !('cut' in answer);
    this.count(answer);
    const where = plan.operation;
    const bodyBytes = wire.body?.length ?? 0;
    const findings = [...judge(plan, wire.path, bodyBytes, answer, rules)];
    const add = (wrong: readonly string[]): void => {
      findings.push(...wrong.map((check) => ({ check, where, detail: detailOf(answer) })));
    };
    add(again.check(command, wire, isAnswered ? answer : undefined));
    if (isAnswered) add(await this.sendAgain(plan, wire, answer));
    add(this.noteVerdicts(request, plan, wire, events, answer));
    this.noteReplayed(plan, answer);
    if (isAnswered) {
      add(await readBack.check(plan.tenant, where, changes, wire, answer, door));
      if (answer.status < 300) rig.world.harvest(plan.tenant, where, parseObject(answer.text));
    }
    return { findings, reproduction: toCurl(wire, rules.secrets) };
  }

  /** A command that was done under a key is done no second time. */
  private async sendAgain(plan: HttpPlan, wire: Wire, answer: Answer): Promise<string[]> {
    const isKeyed = plan.method === 'POST' && wire.headers['idempotency-key'] !== undefined;
    const isCommand = plan.operation !== USAGE && !plan.operation.includes('/webhooks/');
    if (!isKeyed || !isCommand || answer.status > 299) return [];
    const command = this.again.begin(plan.tenant, wire);
    const second = await this.door.send(wire);
    return this.again.check(command, wire, 'cut' in second ? undefined : second);
  }

  private count(answer: Answer | NoAnswer): void {
    const { tally } = this;
    if ('cut' in answer) {
      tally.cut++;
      return;
    }
    increment(tally.byStatus, answer.status);
    if (answer.status >= 400) increment(tally.byCode, codeOf(answer.text));
    if (isOverloadAnswer(answer)) increment(tally.overload, codeOf(answer.text));
  }

  private noteVerdicts(
    request: number,
    { tenant, operation }: HttpPlan,
    wire: Wire,
    events: readonly unknown[],
    answer: Answer | NoAnswer,
  ): string[] {
    if (operation !== USAGE || events.length === 0) return [];
    const receipt = 'cut' in answer ? undefined : readReceipt(answer);
    if ('cut' in answer || receipt === undefined) {
      // A refusal as a whole may come after some of it was recorded.
      const isUnknown = 'cut' in answer || answer.status >= 500 || answer.status === 408;
      if (isUnknown) for (const event of events) this.journal.noteUnknown(tenant, event);
      return [];
    }
    const problemsOnly = wire.path.includes('results=problems');
    this.journal.noteReceipt(request, tenant, events, receipt, problemsOnly);
    this.rememberSome(tenant, events, receipt.results);
    const errors = receipt.results
      .filter(({ status }) => status === 'rejected')
      .flatMap((result) => checkErrors(result.errors ?? [result.error], this.rules.known));
    return [...checkReceipt(receipt, events, problemsOnly, answer.status), ...new Set(errors)];
  }

  /** So that it is sent again, as it was and under the same id with other content. */
  private rememberSome(
    tenant: 0 | 1,
    events: readonly unknown[],
    results: readonly { readonly index: number; readonly status: string }[],
  ): void {
    for (const { index, status } of results.slice(0, 4)) {
      const event = sentEvent(events[index]);
      if (event === undefined || status === 'rejected') continue;
      this.rig.world.add(tenant, 'sent', JSON.stringify(events[index]));
      this.rig.world.add(tenant, 'event', event.id);
    }
  }

  /** What takes the place of a voided event may be recorded, once or not. */
  private noteReplacement({ tenant, operation }: HttpPlan, wire: Wire): void {
    if (operation !== 'POST /v1/usage-events/void' || wire.text === undefined) return;
    const body = parseObject(wire.text);
    if (body !== undefined) this.journal.noteUnknown(tenant, body['replacement']);
  }

  private noteReplayed({ tenant, operation }: HttpPlan, answer: Answer | NoAnswer): void {
    if (operation !== 'POST /v1/quarantine/replays') return;
    const { replayed } = this.journal;
    if ('cut' in answer || answer.status >= 500) replayed[tenant] += REPLAYED_MAX;
    else if (answer.status < 300 && answer.headers['idempotency-replayed'] === undefined) {
      replayed[tenant] += Number(parseObject(answer.text)?.['accepted'] ?? 0);
    }
  }
}

function eventsOf({ operation }: HttpPlan, { text, headers }: Wire): readonly unknown[] {
  if (operation !== USAGE || text === undefined) return [];
  return eventsIn(headers['content-type'] ?? '', text) ?? [];
}

function detailOf(answer: Answer | NoAnswer): string {
  return 'cut' in answer ? answer.cut : `${answer.status} ${answer.text.slice(0, 800)}`;
}
