/** The embedded PostgreSQL cannot run; the message says what to do about it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

const WAYS_OUT: readonly (readonly [RegExp, string])[] = [
  [
    /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/,
    'The disk is full. Free some space, or set DATA_DIR to a folder on another disk.',
  ],
  [
    /cannot be run as root|"root" execution .* not permitted/,
    'PostgreSQL does not run as root. Start as an ordinary user, or set DATABASE_URL.',
  ],
  [
    /could not look up effective user ID/,
    'The current user has no entry in /etc/passwd, which PostgreSQL needs to make its files. ' +
      'Add one, start as a user that has one, or set DATABASE_URL.',
  ],
  [
    /EROFS|Read-only file system/,
    'DATA_DIR is on a read-only file system. Set DATA_DIR to a writable folder, or set DATABASE_URL.',
  ],
  [
    /ENOTDIR|EEXIST/,
    'There is a file where DATA_DIR should be a folder. Set DATA_DIR to another path.',
  ],
  [
    /EACCES|EPERM|Permission denied|Operation not permitted/,
    'A permission is missing. DATA_DIR must belong to the user that starts Countonce; ' +
      'else set DATA_DIR to another folder, or set DATABASE_URL.',
  ],
  [
    /spawn \S+ ENOENT|GLIBC_|ld-linux|error while loading shared libraries|cannot execute|ENOEXEC|symbol not found/,
    'The PostgreSQL that comes with Countonce does not run on this system (it needs glibc; ' +
      'Alpine has none). Set DATABASE_URL to a PostgreSQL 15 or newer.',
  ],
  [
    /could not (create|map|resize|allocate) .*shared memory|ENOMEM|Cannot allocate memory/,
    'The system has too little memory left for PostgreSQL.',
  ],
];

/**
 * Makes one error of what PostgreSQL or the system said.
 *
 * @param doing what was tried, as in `PostgreSQL could not ${doing}`.
 * @param cause the error, or the output of the program that failed.
 */
export function explained(doing: string, cause: unknown): EmbeddedPostgresError {
  if (cause instanceof EmbeddedPostgresError) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  const wayOut = WAYS_OUT.find(([pattern]) => pattern.test(said))?.[1];
  const advice = wayOut ?? 'Set DATABASE_URL to use a PostgreSQL of your own instead.';
  return new EmbeddedPostgresError(
    `The embedded PostgreSQL could not ${doing}. ${advice}\n${lastLines(said)}`,
    cause instanceof Error ? { cause } : undefined,
  );
}

/** Enough for the FATAL line and its hints; the whole log is in the cluster's folder. */
function lastLines(text: string): string {
  return text.trim().split('\n').slice(-12).join('\n');
}
