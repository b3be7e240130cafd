import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Where a command's process dies. */
export type DeathPoint =
  | 'before it begins'
  | 'in its transaction'
  | 'before its commit'
  | 'after its commit'
  | 'before its late answer is kept'
  | 'after its late answer is kept';

/** By what a client sends. */
const LATE_ANSWER = /UPDATE command_answer\s+SET status/;
const SENT: Readonly<Record<DeathPoint, RegExp>> = {
  'before it begins': /request_hash AS "hash"/,
  'in its transaction': /INSERT INTO command_answer/,
  'before its commit': /COMMIT\0/,
  'after its commit': /COMMIT\0/,
  'before its late answer is kept': LATE_ANSWER,
  'after its late answer is kept': /COMMIT\0/,
};

/**
 * Stands between a process and PostgreSQL, and holds each connection that comes to a point of its
 * command: what was sent goes no further where the point is before it, and its answer goes nowhere
 * where it is after it. The process can then be killed there.
 */
export class DeadlyProxy implements AsyncDisposable {
  private point: DeathPoint | undefined;
  private waiting: { readonly count: number; readonly reached: () => void } | undefined;
  private arrived = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(databaseUrl: string): Promise<DeadlyProxy> {
    const proxy = new DeadlyProxy(createServer(), new URL(databaseUrl));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** @returns When so many connections are held at the point. */
  hold(point: DeathPoint, count: number): Promise<void> {
    this.point = point;
    return new Promise((reached) => {
      this.waiting = { count, reached };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const upstream = connect(Number(this.target.port || 5432), this.target.hostname);
    const at = { keepsAnswer: false, held: false, holdsNext: false };
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
    client.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      if (/\bBEGIN[;\0]/.test(text)) at.keepsAnswer = false;
      if (this.isPoint(text, at.keepsAnswer)) {
        if (this.point!.startsWith('after')) at.holdsNext = true;
        else at.held = this.arrive();
      }
      if (this.isAnswer(text)) at.keepsAnswer = true;
      if (!at.held) upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (at.holdsNext && !at.held) at.held = this.arrive();
      if (!at.held) client.write(chunk);
    });
  }

  private isPoint(text: string, keepsAnswer: boolean): boolean {
    if (this.point === undefined || !SENT[this.point].test(text)) return false;
    // Other transactions have commits of their own.
    return SENT[this.point].source !== SENT['after its commit'].source || keepsAnswer;
  }

  private isAnswer(text: string): boolean {
    return this.point === 'after its late answer is kept'
      ? LATE_ANSWER.test(text)
      : text.includes('INSERT INTO command_answer');
  }

  private arrive(): true {
    this.arrived += 1;
    if (this.arrived === this.waiting?.count) this.waiting.reached();
    return true;
  }
}
