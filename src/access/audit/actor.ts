import { AsyncLocalStorage } from 'node:async_hooks';
import { hostname, userInfo } from 'node:os';

/** `system`: the own clock, a webhook, or whatever else nobody asked for. */
export const ACTOR_KINDS = ['api_key', 'command_line', 'system'] as const;

/** Who makes a change. */
export interface Actor {
  readonly kind: (typeof ACTOR_KINDS)[number];
  /** The id of the key, or who is logged in where the command was run. */
  readonly id: string | null;
  /** Under whose approval, where the request needed one. */
  readonly approval?: UsedApproval | undefined;
}

/** A second pair of eyes, as the audit names it. */
export interface UsedApproval {
  readonly id: string;
  /** The id of a key. */
  readonly approvedBy: string;
}

const SYSTEM: Actor = { kind: 'system', id: null };

const actors = new AsyncLocalStorage<Actor>();

/** Runs `work`, and all that it starts, in the name of an actor. */
export function actAs<T>(actor: Actor, work: () => T): T {
  return actors.run(actor, work);
}

/** In whose name this runs. */
export function currentActor(): Actor {
  return actors.getStore() ?? SYSTEM;
}

/** Whoever runs this process, as the operating system names them. */
export function commandLineActor(): Actor {
  return { kind: 'command_line', id: `${userName()}@${hostname()}` };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
