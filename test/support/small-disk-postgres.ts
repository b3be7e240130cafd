import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../../src/database/embedded/postmaster.js';
import { distributionPrograms } from './distribution-postgres.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

const DISK = '100m';
const START_MS = 60_000;

/** In a mount namespace, where this process is root; a second one gives it back an ordinary user. */
const OUTER = `
  mount -t tmpfs -o size=${DISK} tmpfs "$DISK_DIR" &&
  exec unshare -U --map-user=65534 --map-group=65534 sh -c "$INNER"`;

/** Does what it is told, line by line, and ends with whoever tells it. */
const INNER = `
  data="$DISK_DIR/data"
  "$PROGRAMS/initdb" -D "$data" -U tester -A trust -E UTF8 --wal-segsize=1 >/dev/null || exit 1
  cat >> "$data/postgresql.conf" <<END
port = $PORT
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
min_wal_size = 2MB
max_wal_size = 8MB
fsync = off
END
  while read -r command; do
    case "$command" in
      start) kill -0 "$server" 2>/dev/null || { "$PROGRAMS/postgres" -D "$data" 2>>"$LOG" & server=$!; } ;;
      fill) cat /dev/zero > "$DISK_DIR/filler" 2>/dev/null ;;
      free) rm "$DISK_DIR/filler" ;;
    esac
    echo "$command"
  done
  kill -QUIT "$server"
  wait`;

/** Whether this system lets us mount a small disk without being its administrator. */
export function canHaveSmallDisk(): boolean {
  if (distributionPrograms() === undefined) return false;
  const inner = 'unshare -U --map-user=65534 --map-group=65534 true';
  const { status } = spawnSync('unshare', [
    '-rm',
    'sh',
    '-c',
    `mount -t tmpfs tmpfs /mnt && ${inner}`,
  ]);
  return status === 0;
}

/** A PostgreSQL whose disk is as small as {@link DISK}, and can be filled to the last byte and freed. */
export class SmallDiskPostgres implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly child: ChildProcessByStdio<Writable, Readable, null>,
    private readonly lines: Interface,
    readonly url: string,
  ) {}

  static async start(): Promise<SmallDiskPostgres> {
    const folder = temporaryFolder();
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const port = await freePort();
    const child = spawn('unshare', ['-rm', 'sh', '-c', OUTER], {
      env: {
        PATH: process.env['PATH'],
        LC_ALL: 'C',
        INNER,
        DISK_DIR: disk,
        PROGRAMS: distributionPrograms(),
        PORT: String(port),
        LOG: join(folder, 'server.log'),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const url = `postgres://tester@127.0.0.1:${port}/postgres`;
    const server = new SmallDiskPostgres(folder, child, lines, url);
    await server.untilUp();
    return server;
  }

  /** Leaves not a byte. */
  fill(): Promise<void> {
    return this.tell('fill');
  }

  /** Gives the space back, and has the server run again, should it have ended meanwhile. */
  async free(): Promise<void> {
    await this.tell('free');
    await this.untilUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin.end();
    await ended;
    removeFolder(this.folder);
  }

  private async tell(command: string): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.lines.once('line', () => resolve());
      this.child.once('exit', () => reject(new Error('the small disk is gone')));
    });
    this.child.stdin.write(`${command}\n`);
    await done;
  }

  private async untilUp(): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (;;) {
      await this.tell('start');
      const client = new pg.Client(this.url);
      client.on('error', () => undefined);
      try {
        await client.connect();
        return await client.end();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }
}
