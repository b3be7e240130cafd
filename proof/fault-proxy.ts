import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../src/commands/demo/random.js';

/** The message of PostgreSQL's protocol in which node-pg sends COMMIT. */
const COMMIT = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1');
/** How long the far side of a cut connection lives on, so that what it was sent is still done. */
const LINGER_MS = 250;

/** Where a connection is cut. */
export type Cut = 'before COMMIT' | 'after COMMIT' | 'answer';

/** What befalls any chunk on its way to the server, by chance. */
export interface ProxyWeather {
  /** Nothing of it arrives, and the connection is gone. */
  readonly cutBefore: number;
  /** All of it arrives, and the answer goes nowhere. */
  readonly answerLost: number;
  readonly delay: number;
  readonly delayMsMax: number;
}

export const FAIR_WEATHER: ProxyWeather = {
  cutBefore: 0,
  answerLost: 0,
  delay: 0,
  delayMsMax: 0,
};

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  losesAnswer: boolean;
}

/** Passes bytes between clients and a server, and does to them what networks do. */
export class FaultProxy {
  private readonly listener: Server;
  private readonly pairs = new Set<Pair>();
  private readonly waiting = new Set<Socket>();
  private armed: { cut: Cut; onFired: () => void } | undefined;
  private partitionedUntil = 0;
  weather = FAIR_WEATHER;
  /** How often chance struck, by what it did. */
  readonly struck = { cuts: 0, answersLost: 0, delays: 0 };

  private constructor(
    private readonly targetPort: () => number,
    private readonly random: Random,
  ) {
    this.listener = createServer({ noDelay: true }, (client) => void this.accept(client));
  }

  /** @param targetPort Asked at each connection: a server that comes back may have another. */
  static async open(targetPort: () => number, random: Random): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, random);
    await new Promise<void>((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** Cuts the next connection that comes to that point. */
  arm(cut: Cut, onFired: () => void): void {
    this.armed = { cut, onFired };
  }

  /** Nothing passes for so long, and nobody is told; then all that was held back does. */
  async partition(ms: number): Promise<void> {
    this.partitionedUntil = Date.now() + ms;
    for (const { client, server } of this.pairs) {
      client.pause();
      server.pause();
    }
    await sleep(ms);
    for (const { client, server } of this.pairs) {
      client.resume();
      server.resume();
    }
  }

  get isPartitioned(): boolean {
    return Date.now() < this.partitionedUntil;
  }

  cutAll(): void {
    for (const pair of this.pairs) destroy(pair);
  }

  calmDown(): void {
    this.weather = FAIR_WEATHER;
    this.armed = undefined;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.cutAll();
    for (const socket of this.waiting) socket.destroy();
    await closed;
  }

  private async accept(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    this.waiting.add(client);
    while (this.isPartitioned) await sleep(this.partitionedUntil - Date.now());
    this.waiting.delete(client);
    if (client.destroyed) return;
    const server = connect({ port: this.targetPort(), host: '127.0.0.1', noDelay: true });
    const pair: Pair = { client, server, losesAnswer: false };
    this.pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => destroy(pair));
      from.on('close', () => {
        this.pairs.delete(pair);
        // What was written before is still to arrive.
        to.end();
        setTimeout(() => to.destroy(), LINGER_MS).unref();
      });
      from.on('drain', () => to.resume());
    }
    client.on('data', (chunk: Buffer) => this.request(pair, chunk));
    server.on('data', (chunk: Buffer) => this.answer(pair, chunk));
  }

  private request(pair: Pair, chunk: Buffer): void {
    if (this.fires(pair, chunk)) return;
    const { weather, random } = this;
    if (random.chance(weather.cutBefore)) {
      this.struck.cuts++;
      return destroy(pair);
    }
    if (!pair.losesAnswer && random.chance(weather.answerLost)) {
      this.struck.answersLost++;
      pair.losesAnswer = true;
    }
    if (!random.chance(weather.delay)) return forward(chunk, pair.client, pair.server);
    this.struck.delays++;
    pair.client.pause();
    setTimeout(
      () => {
        forward(chunk, pair.client, pair.server);
        if (!this.isPartitioned) pair.client.resume();
      },
      random.below(weather.delayMsMax) + 1,
    );
  }

  /** @returns Whether the chunk was dealt with. */
  private fires(pair: Pair, chunk: Buffer): boolean {
    if (this.armed === undefined) return false;
    const { cut, onFired } = this.armed;
    if (cut !== 'answer' && !chunk.includes(COMMIT)) return false;
    this.armed = undefined;
    onFired();
    if (cut === 'before COMMIT') destroy(pair);
    else if (cut === 'answer') {
      pair.losesAnswer = true;
      pair.server.write(chunk);
    } else {
      pair.server.write(chunk);
      pair.client.destroy();
    }
    return true;
  }

  private answer(pair: Pair, chunk: Buffer): void {
    if (pair.losesAnswer) pair.client.destroy();
    else forward(chunk, pair.server, pair.client);
  }
}

function forward(chunk: Buffer, from: Socket, to: Socket): void {
  if (!to.destroyed && !to.write(chunk)) from.pause();
}

function destroy({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}
