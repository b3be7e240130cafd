import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { Wire } from './wire.js';

const TIMEOUT_MS = 90_000;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Nobody knows what became of a request: the connection broke, or nothing came. */
export interface NoAnswer {
  readonly cut: string;
}

/** Where requests go: the service itself, or what stands in for it. */
export interface Door {
  send(wire: Wire): Promise<Answer | NoAnswer>;
}

/** Sends whatever HTTP allows, which `fetch` does not. */
export class HttpDoor implements Door, Disposable {
  private readonly agent: Agent;

  constructor(
    private readonly port: number,
    connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  send(wire: Wire): Promise<Answer | NoAnswer> {
    return new Promise((resolve) => {
      const { method, path, headers, body } = wire;
      const { agent, port } = this;
      const cut = (error: Error & { code?: string }): void => {
        resolve({ cut: error.code ?? error.message });
      };
      const length = body === undefined ? {} : { 'content-length': String(body.length) };
      const outgoing = request(
        { agent, host: '127.0.0.1', port, method, path, headers: { ...headers, ...length } },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', cut);
          incoming.on('aborted', () => resolve({ cut: 'aborted' }));
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
          });
        },
      );
      outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', cut);
      outgoing.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}
