import { insideCommand, type RunningCommand } from '../database/command-context.js';
import type { Connections, Transaction } from '../database/connections.js';
import { HeldTransaction } from '../database/held-transaction.js';
import { OuterTransaction } from '../database/outer-transaction.js';
import { insertMade } from './command-answer.store.js';
import type { CommandKey } from './command-key.js';
import { CommandLease, LEASE } from './command-lease.js';

/**
 * A command at work. Until its first commit all that it does on its connections is one transaction,
 * which holds the lock of its key; most commands end with that commit. One that goes on afterwards has
 * a lease instead.
 */
export class CommandRun implements RunningCommand {
  private made: object | string | undefined;
  private lease: CommandLease | undefined;
  private readonly lasts: ((tx: Transaction) => Promise<void>)[] = [];
  private open: { readonly held: HeldTransaction; readonly outer: OuterTransaction } | undefined;

  private constructor(
    readonly connections: Connections,
    private readonly command: CommandKey,
  ) {}

  /** @param held Its transaction, with the lock of the key taken in it. */
  static async first(
    connections: Connections,
    command: CommandKey,
    held: HeldTransaction,
  ): Promise<CommandRun> {
    const run = new CommandRun(connections, command);
    await held.tx.query('SAVEPOINT command');
    const outer = new OuterTransaction(held.tx, (inner, work) => insideCommand(run, inner, work));
    run.open = { held, outer };
    return run;
  }

  /** Goes on with what a run before this one made. */
  static again(
    connections: Connections,
    command: CommandKey,
    made: object | string,
    lease: CommandLease,
  ): CommandRun {
    const run = new CommandRun(connections, command);
    run.made = made;
    run.lease = lease;
    return run;
  }

  /** Whether nothing was committed yet. */
  get isOpen(): boolean {
    return this.open !== undefined;
  }

  get outer(): OuterTransaction | undefined {
    return this.open?.outer;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return insideCommand(this, undefined, work);
  }

  /** Commits, with what a later run of the command needs to go on from here. */
  async once<Made>(make: () => Promise<Made>): Promise<Made> {
    if (this.made !== undefined) return this.made as Made;
    if (!this.isOpen) throw new Error('a command begins once');
    const made = (await make()) as Made & (object | string);
    let fence = 0;
    await this.commit(async (tx) => {
      fence = await insertMade(tx, this.command, made, LEASE);
    });
    this.made = made;
    this.lease = CommandLease.of(this.connections, this.command, fence);
    return made;
  }

  atCommit(last: (tx: Transaction) => Promise<void>): void {
    this.lasts.push(last);
  }

  /** Commits what was done, and with it what `last` does. */
  commit(last: (tx: Transaction) => Promise<void>): Promise<void> {
    return this.commitAfter([last, ...this.lasts]);
  }

  /** Undoes what was done, and commits what `last` does alone. */
  commitInstead(last: (tx: Transaction) => Promise<void>): Promise<void> {
    return this.commitAfter([undo, last]);
  }

  private commitAfter(steps: readonly ((tx: Transaction) => Promise<void>)[]): Promise<void> {
    return this.end(async (held) => {
      try {
        for (const step of steps) await step(held.tx);
      } catch (error) {
        await held.rollback();
        throw error;
      }
      await held.commit();
    });
  }

  /** Leaves what was not committed undone, and the rest to whoever sends the command again. */
  async abandon(): Promise<void> {
    if (this.isOpen) await this.end((held) => held.rollback());
    await this.lease?.release();
  }

  /** After its answer was kept. */
  close(): void {
    this.lease?.end();
  }

  private end(work: (held: HeldTransaction) => Promise<void>): Promise<void> {
    const { held, outer } = this.open!;
    return outer.end(() => {
      this.open = undefined;
      return work(held);
    });
  }
}

async function undo(tx: Transaction): Promise<void> {
  await tx.query('ROLLBACK TO SAVEPOINT command');
}
