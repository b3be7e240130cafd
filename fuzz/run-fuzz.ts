import { checkEnd, type EndCheck } from './checks/check-end.js';
import { checkTold, checkWholeLedger } from './checks/check-verdicts.js';
import { DeclaredAnswers } from './checks/declared-answers.js';
import { Journal } from './checks/journal.js';
import { readKnownProblems } from './checks/known-problems.js';
import { Memory } from './checks/memory.js';
import { toCurl } from './curl.js';
import { Drawn } from './draw.js';
import { Exchange } from './exchange.js';
import { Findings, type Finding, type Found } from './findings.js';
import type { OpenApi } from './generate/operations.js';
import { judge, type Rules } from './judge.js';
import type { FuzzOptions } from './options.js';
import type { Rig } from './rig.js';
import { setScene } from './scenery.js';
import { HttpDoor, type Door } from './send/http-door.js';
import { toWire } from './send/wire.js';
import { noTally, type FuzzResult } from './tally.js';

const TOLD_AT_ONCE = 4_000;
const SAMPLE_EVERY = 100;
const TELL_EVERY = 2_000;
const SHRINK_MS = 10_000;
const SHRINKS_MAX = 6;
/** After which an answer that was cut off has surely been recorded, or surely not. */
const SETTLE_MS = 3_000;

export interface RunHooks {
  readonly tell: (line: string) => void;
  readonly isStopped: () => boolean;
  /** Puts something between the requests and the service, which a test does to see it found out. */
  readonly through?: (door: Door) => Door;
}

/** One run against a service that is there: all its requests, and what is held once they are answered. */
export async function runFuzz(
  rig: Rig,
  options: Pick<FuzzOptions, 'requests' | 'seed' | 'connections'>,
  hooks: RunHooks,
): Promise<FuzzResult> {
  using own = new HttpDoor(rig.port, options.connections);
  const door = hooks.through?.(own) ?? own;
  if (rig.world.tenants.length === 0) await setScene(rig, own);
  const answer = await fetch(`http://127.0.0.1:${rig.port}/openapi.json`);
  const document = (await answer.json()) as OpenApi;
  const { secrets } = rig.world;
  const declared = new DeclaredAnswers(document);
  const rules: Rules = { known: await readKnownProblems(), declared, secrets };
  // Awaited here, since the door is shut when this returns.
  return await new Run(
    rig,
    options,
    hooks,
    own,
    door,
    new Drawn(document, options.seed),
    rules,
  ).whole();
}

class Run {
  private readonly tally = noTally();
  private readonly journal = new Journal();
  private readonly findings = new Findings();
  private readonly memory: Memory;
  private readonly exchange: Exchange;
  private readonly firstOnes: Found[] = [];
  private readonly begun = performance.now();
  private next = 0;
  private checking: Promise<void> = Promise.resolve();

  constructor(
    private readonly rig: Rig,
    private readonly options: Pick<FuzzOptions, 'requests' | 'seed' | 'connections'>,
    private readonly hooks: RunHooks,
    private readonly own: Door,
    door: Door,
    private readonly drawn: Drawn,
    private readonly rules: Rules,
  ) {
    this.memory = new Memory(rig.service.pid);
    this.exchange = new Exchange(rig, door, rules, this.journal, this.tally);
  }

  async whole(): Promise<FuzzResult> {
    const { rig, own, memory, exchange, options, tally, journal, rules } = this;
    memory.sample();
    await Promise.all(Array.from({ length: options.connections }, () => this.work()));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await this.checkTold();
    memory.sample();
    const ledger = await checkWholeLedger(rig.admin, rig.world, journal);
    tally.ledgerRows = ledger.rows;
    for (const { request, check, detail } of ledger.findings) {
      this.found({ check, where: 'the ledger', detail }, request, undefined);
    }
    const checks: EndCheck[] =
      rig.service.hasEnded && !this.hooks.isStopped()
        ? [
            {
              name: 'the service goes on',
              held: tally.requests,
              findings: [rig.service.lastWords()],
            },
          ]
        : await checkEnd(rig, this.hooks.isStopped() ? undefined : own);
    const flat = { name: 'memory is flat', held: memory.figures().samples };
    await this.shrink();
    return {
      seed: options.seed,
      asked: options.requests,
      tally,
      told: journal.counts,
      readBack: exchange.readBack.held,
      replayed: exchange.again.replayed,
      validated: rules.declared.validated,
      memory: memory.figures(),
      checks: [...checks, { ...flat, findings: memory.check() }],
      findings: this.findings,
      seconds: (performance.now() - this.begun) / 1_000,
    };
  }

  private async work(): Promise<void> {
    const { options, rig, hooks, tally, exchange, journal } = this;
    while (this.next < options.requests && !hooks.isStopped() && !rig.service.hasEnded) {
      const request = this.next++;
      const { findings, reproduction } = await exchange.make(request, this.drawn.plan(request));
      // Ctrl-C reaches the service as well: what it answers from then on says nothing.
      if (hooks.isStopped()) return;
      for (const finding of findings) this.found(finding, request, reproduction);
      tally.requests++;
      if (tally.requests % SAMPLE_EVERY === 0) this.memory.sample();
      if (tally.requests % TELL_EVERY === 0) this.tell();
      if (journal.waitingCount >= TOLD_AT_ONCE) await this.checkTold();
    }
  }

  private checkTold(): Promise<void> {
    const told = this.journal.takeWaiting();
    this.checking = this.checking.then(async () => {
      this.tally.verdictsChecked += told.length;
      for (const found of await checkTold(this.rig.admin, this.rig.world, told)) {
        const { request, check, detail } = found;
        this.found({ check, where: 'a verdict', detail }, request, undefined);
      }
    });
    return this.checking;
  }

  private found(
    finding: Finding,
    request: number | undefined,
    reproduction: string | undefined,
  ): void {
    const found: Found = { ...finding, request, reproduction };
    if (!this.findings.add(found)) return;
    this.firstOnes.push(found);
    const number = request === undefined ? '' : `, request ${request}`;
    this.hooks.tell(`FOUND, seed ${this.options.seed}${number}: ${found.check}: ${found.where}`);
    this.hooks.tell(`  ${found.detail.slice(0, 600)}`);
    if (reproduction !== undefined) this.hooks.tell(`  ${reproduction.slice(0, 1_500)}`);
  }

  private tell(): void {
    const seconds = (performance.now() - this.begun) / 1_000;
    const { requests } = this.tally;
    const rate = (requests / seconds).toFixed(0);
    this.hooks.tell(
      `${seconds.toFixed(0).padStart(6)} s  ${requests} requests, ${rate}/s, ` +
        `${this.findings.size} kinds of findings`,
    );
  }

  /** What an answer shows by itself can be asked again in fewer words. */
  private async shrink(): Promise<void> {
    const { rig, rules, own, drawn, hooks } = this;
    if (rig.service.hasEnded) return;
    for (const found of this.firstOnes.slice(0, SHRINKS_MAX)) {
      if (found.request === undefined || found.reproduction === undefined) continue;
      if (drawn.plan(found.request).kind !== 'http' || hooks.isStopped()) continue;
      let smallest: string | undefined;
      await drawn.shrink(
        found.request,
        async (plan) => {
          if (plan.kind !== 'http' || hooks.isStopped()) return true;
          const wire = toWire(plan, rig.world, Date.now() / 1_000);
          const answer = await own.send(wire);
          const wrong = judge(plan, wire.path, wire.body?.length ?? 0, answer, rules);
          const isSame = wrong.some(
            ({ check, where }) => check === found.check && where === found.where,
          );
          if (isSame) smallest = toCurl(wire, rules.secrets);
          return !isSame;
        },
        SHRINK_MS,
      );
      if (smallest !== undefined) this.findings.shrunk(found, smallest);
    }
  }
}
