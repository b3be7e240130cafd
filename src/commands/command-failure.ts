/** What a shell learns of a command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  wrongUsage: 2,
  interrupted: 130,
  /** Nobody reads on; what a shell says of a program that SIGPIPE ended. */
  unread: 141,
} as const;

/** A command cannot do what it was asked to; the message says what to do about it. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    /** Stable, for programs. */
    readonly code: string,
    options: { readonly exitCode?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.failed;
  }

  readonly exitCode: number;
}

/** The command was called in a way that it is not meant to be. */
export function wrongUsage(message: string): CommandFailure {
  return new CommandFailure(message, 'wrong_usage', { exitCode: EXIT.wrongUsage });
}
