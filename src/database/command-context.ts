import { AsyncLocalStorage } from 'node:async_hooks';
import type { OuterTransaction, TransactionView } from './outer-transaction.js';

/** A command that runs under an idempotency key. */
export interface RunningCommand {
  /** Whose statements join its transaction. */
  readonly connections: object;
  /** Nothing once it has ended: what works on after it is by itself again. */
  readonly outer: OuterTransaction | undefined;
  once<Made>(make: () => Promise<Made>): Promise<Made>;
  /** Has `last` done at the end of its first commit, as part of it, unless what it did is undone. */
  atCommit(last: (tx: TransactionView) => Promise<void>): void;
}

interface Inside {
  readonly command: RunningCommand;
  /** Where the code is in an inner transaction, that one. */
  readonly inner: OuterTransaction | undefined;
}

const inside = new AsyncLocalStorage<Inside>();

/** Runs `work` as part of a command, and where given inside one of its inner transactions. */
export function insideCommand<T>(
  command: RunningCommand,
  inner: OuterTransaction | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return inside.run({ command, inner }, work);
}

/** The transaction of the command that the code runs in, if it is one on these connections. */
export function joinedTransaction(connections: object): OuterTransaction | undefined {
  const at = inside.getStore();
  if (at === undefined || at.command.connections !== connections) return undefined;
  const { outer } = at.command;
  return outer === undefined ? undefined : (at.inner ?? outer);
}

/**
 * Begins what a command works on after its first commit, and waits for: `make` and the memory of what
 * it made are one transaction, and a command that is sent again goes on with what was made.
 *
 * Commits, so it is called outside of any transaction, once in a command. Where there is no command
 * under a key, it is `make` alone.
 *
 * @param make Answers what the rest needs to go on, as plain JSON.
 */
export async function onceInCommand<Made>(make: () => Promise<Made>): Promise<Made> {
  const at = inside.getStore();
  if (at === undefined) return make();
  if (at.inner !== undefined) throw new Error('a command commits outside of inner transactions');
  return at.command.once(make);
}

/** Whether the code runs in a command that goes on with what an earlier run of it has committed. */
export function isContinued(): boolean {
  const at = inside.getStore();
  return at !== undefined && at.command.outer === undefined;
}

/**
 * Has something done as the last of what a command under a key commits first: what holds others up
 * until the commit belongs there. It is left out where the command is refused.
 *
 * @returns Whether there is such a command.
 */
export function atCommit(last: (tx: TransactionView) => Promise<void>): boolean {
  const command = inside.getStore()?.command;
  if (command?.outer === undefined) return false;
  command.atCommit(last);
  return true;
}
