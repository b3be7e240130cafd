import { AsyncLocalStorage } from 'node:async_hooks';
import type { OuterTransaction } from './outer-transaction.js';

/** A command that runs under an idempotency key. */
export interface RunningCommand {
  /** Whose statements join its transaction. */
  readonly connections: object;
  /** Nothing once it has ended: what works on after it is by itself again. */
  readonly outer: OuterTransaction | undefined;
  once<Made>(make: () => Promise<Made>): Promise<Made>;
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
