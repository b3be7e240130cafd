import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StormProcess } from './storm-process.js';

/** Where Stripe's webhooks arrive: at any process that lives. */
export class StormDoor implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly close: () => Promise<void>,
  ) {}

  static async open(anyProcess: () => StormProcess | undefined): Promise<StormDoor> {
    const server = createServer((request, response) => {
      const answer = async (): Promise<number> => {
        const body = await bodyOf(request);
        const process = anyProcess();
        if (process === undefined) return 503;
        const receiving = process.receive(body, request.headers['stripe-signature']);
        return Promise.race([receiving.then(() => 200), process.life.ended.then(() => 502)]);
      };
      void answer()
        .catch(() => 500)
        .then((status) => response.writeHead(status).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new StormDoor(`http://127.0.0.1:${port}/`, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
