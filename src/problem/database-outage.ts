/** How the database failed to answer, if that is what an error says. */
export type DatabaseOutage = 'database_unavailable' | 'database_busy';

/**
 * SQLSTATEs after which the same request may succeed on another connection or a little later:
 * shutdown and start-up, too many connections, disk full, a read-only server (a failover), and
 * `XX000 could not write init file`, which a full disk gives at login.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53000',
  '53100',
  '53200',
  '53300',
  '25006',
  // Of the socket, by Node
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/** Cancelled by a timeout, serialization failure, deadlock, lock not available. */
const BUSY: ReadonlySet<string> = new Set(['57014', '40001', '40P01', '55P03', '25P03', '25P04']);

/** pg and pg-pool give these no code. */
const MESSAGES =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed and is not queryable|Cannot use a pool after calling end|Query read timeout|could not write init file)/;

/** Whether an error, or what it wraps, says that PostgreSQL is away or too busy. */
export function databaseOutage(error: unknown): DatabaseOutage | undefined {
  let current = error;
  // TypeORM wraps in `driverError`, others in `cause`; 5 bounds a chain that bites its tail.
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    // Stripe's socket breaks with the same codes.
    if ('type' in current && String(current.type).startsWith('Stripe')) return undefined;
    const outage = ownOutage(current);
    if (outage !== undefined) return outage;
    current = 'driverError' in current ? current.driverError : current.cause;
  }
  return undefined;
}

function ownOutage(error: Error): DatabaseOutage | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (BUSY.has(code)) return 'database_busy';
  if (isConnectionException(code) || MESSAGES.test(error.message)) return 'database_unavailable';
  if (!UNAVAILABLE.has(code)) return undefined;
  // A missing file is ENOENT too; that of a Unix socket comes from `connect`.
  if (code === 'ENOENT') {
    return 'syscall' in error && error.syscall === 'connect' ? 'database_unavailable' : undefined;
  }
  return 'database_unavailable';
}

/** Class 08, but for 08P01: a protocol violation is ours to mend. */
function isConnectionException(code: string): boolean {
  return code.length === 5 && code.startsWith('08') && code !== '08P01';
}
