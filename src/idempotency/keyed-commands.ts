import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { HeldTransaction } from '../database/held-transaction.js';
import { Problem } from '../problem/problem.js';
import {
  answerCommand,
  findCommand,
  insertAnswer,
  lockCommand,
  type CommandAnswer,
  type KnownCommand,
} from './command-answer.store.js';
import type { CommandKey } from './command-key.js';
import { CommandLease } from './command-lease.js';
import { CommandRun } from './command-run.js';

/** What a route does, and what is kept of how that ends. */
export interface Handling<Result> {
  handle(): Promise<Result>;
  answerOf(result: Result): CommandAnswer;
  /** Nothing where the error is no answer to keep: the same may be tried again. */
  refusalOf(error: unknown): CommandAnswer | undefined;
}

export type Outcome<Result> = { readonly result: Result } | { readonly replayed: CommandAnswer };

/**
 * Runs commands that carry an idempotency key: once, however often and wherever they are sent.
 *
 * The answer, or what the command made and goes on with, is committed with what the command did. So
 * after a crash either nothing is there and the next request runs it, or the next request is answered
 * from what is there.
 */
@Injectable()
export class KeyedCommands {
  constructor(private readonly db: Database) {}

  /** @throws Problem `idempotency_key_reused`, `idempotency_key_in_use`, and what the route throws. */
  async run<Result>(command: CommandKey, handling: Handling<Result>): Promise<Outcome<Result>> {
    const known = await findCommand(this.db.work, command);
    if (known !== undefined) return this.again(command, known, handling);

    const held = await HeldTransaction.open(this.db.work);
    const met = await this.enter(held, command).catch(async (error: unknown) => {
      await held.rollback();
      throw error;
    });
    if (met instanceof CommandRun) return this.finish(command, met, handling);
    await held.rollback();
    const late = met ?? (await findCommand(this.db.work, command));
    if (late === undefined) throw inUse();
    return this.again(command, late, handling);
  }

  /** @returns The run to go on with, or whoever was faster, as far as that one has come. */
  private async enter(
    held: HeldTransaction,
    command: CommandKey,
  ): Promise<CommandRun | KnownCommand | undefined> {
    if (!(await lockCommand(held.tx, command))) return undefined;
    // In a later statement than the lock: what whoever had it committed is seen.
    const known = await findCommand(held.tx, command);
    return known ?? CommandRun.first(this.db.work, command, held);
  }

  private async again<Result>(
    command: CommandKey,
    { hash, made, answer }: KnownCommand,
    handling: Handling<Result>,
  ): Promise<Outcome<Result>> {
    if (!hash.equals(command.hash)) throw reused();
    if (answer !== undefined) return { replayed: answer };
    const lease = await CommandLease.claim(this.db.work, command);
    if (lease === undefined) return this.replay(command);
    return this.finish(command, CommandRun.again(this.db.work, command, made!, lease), handling);
  }

  /** What another process has answered, unless it is still at work. */
  private async replay<Result>(command: CommandKey): Promise<Outcome<Result>> {
    const answer = (await findCommand(this.db.work, command))?.answer;
    if (answer === undefined) throw inUse();
    return { replayed: answer };
  }

  private async finish<Result>(
    command: CommandKey,
    run: CommandRun,
    handling: Handling<Result>,
  ): Promise<Outcome<Result>> {
    let result: Result;
    let answer: CommandAnswer;
    try {
      result = await run.run(() => handling.handle());
      answer = handling.answerOf(result);
    } catch (error) {
      await this.refuse(command, run, handling.refusalOf(error));
      throw error;
    }
    if (run.isOpen) {
      await run.commit((tx) => insertAnswer(tx, command, answer));
      return { result };
    }
    return (await this.keepLate(command, run, answer)) ? { result } : this.replay(command);
  }

  private async refuse(
    command: CommandKey,
    run: CommandRun,
    refusal: CommandAnswer | undefined,
  ): Promise<void> {
    if (refusal === undefined) await run.abandon();
    else if (run.isOpen) await run.commitInstead((tx) => insertAnswer(tx, command, refusal));
    else await this.keepLate(command, run, refusal);
  }

  /** The answer of a command that had committed before. @returns Whether it is the first one. */
  private async keepLate(
    command: CommandKey,
    run: CommandRun,
    answer: CommandAnswer,
  ): Promise<boolean> {
    try {
      const isFirst = await answerCommand(this.db.work, command, answer);
      run.close();
      return isFirst;
    } catch (error) {
      await run.abandon();
      throw error;
    }
  }
}

function reused(): Problem {
  return new Problem('idempotency_key_reused', 'the key was sent with another request before');
}

function inUse(): Problem {
  return new Problem(
    'idempotency_key_in_use',
    'the first request with the key is not answered yet',
    {
      headers: { 'retry-after': '1' },
    },
  );
}
