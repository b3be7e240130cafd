// What the product is held against, in the product's own Nest application, as built: a route that
// parses the body and answers, and the routes that people write first. In JavaScript, so that it
// runs as the product does: without a compiler in the process. Decorators are called as functions.
import 'reflect-metadata';
import { Controller, HttpCode, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource, EntitySchema } from 'typeorm';
import { RequireScope } from '../../dist/src/access/require-scope.js';
import { IdsOfTheirOwn } from '../../dist/src/idempotency/command-route.js';
import { configureHttp, CountonceModule, loadConfig, TenantService } from '../../dist/src/index.js';

const NaiveEvent = new EntitySchema({
  name: 'naive_event',
  columns: {
    id: { type: Number, primary: true, generated: true },
    usageEventId: { type: String },
    customerId: { type: String },
    meter: { type: String },
    quantity: { type: 'numeric' },
    occurredAt: { type: 'timestamptz' },
  },
  indices: [{ columns: ['usageEventId'] }],
});

const NaiveTotal = new EntitySchema({
  name: 'naive_total',
  columns: {
    id: { type: Number, primary: true, generated: true },
    customerId: { type: String },
    meter: { type: String },
    quantity: { type: 'numeric' },
  },
  indices: [{ columns: ['customerId', 'meter'] }],
});

const config = loadConfig({ ...process.env, ROLE: 'api' });
const source = new DataSource({
  type: 'postgres',
  url: config.DATABASE_URL,
  entities: [NaiveEvent, NaiveTotal],
  synchronize: true,
});
const events = source.getRepository('naive_event');
const totals = source.getRepository('naive_total');

class ReferenceController {
  /** The least that a route can do with an event. */
  parse({ body }) {
    const { usage_event_id } = body;
    return {
      index: 0,
      usage_event_id,
      status: 'accepted',
      accepted: 1,
      duplicate: 0,
      conflict: 0,
      rejected: 0,
    };
  }

  /** Looks whether it is there, saves it, and raises the total; a race counts wrong. */
  async naive({ body }) {
    const sent = body.events ?? [body];
    let accepted = 0;
    for (const event of sent) {
      if (await recordNaively(event)) accepted++;
    }
    return { accepted, duplicate: sent.length - accepted };
  }
}

async function recordNaively({
  usage_event_id: usageEventId,
  customer_id: customerId,
  meter,
  quantity,
  occurred_at,
}) {
  if ((await events.findOneBy({ usageEventId })) !== null) return false;
  await events.save({ usageEventId, customerId, meter, quantity, occurredAt: occurred_at });
  const total = await totals.findOneBy({ customerId, meter });
  const raised = Number(total?.quantity ?? 0) + quantity;
  await totals.save({ ...total, customerId, meter, quantity: raised });
  return true;
}

route('parse', Post('parse'), HttpCode(201));
route('naive', Post('naive'), HttpCode(200));
Controller('v1/bench')(ReferenceController);

function route(name, ...decorators) {
  const { prototype } = ReferenceController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  for (const decorate of [...decorators, RequireScope('usage:write'), IdsOfTheirOwn()]) {
    decorate(prototype, name, descriptor);
  }
  Req()(prototype, name, 0);
}

// oxlint-disable-next-line typescript/no-extraneous-class -- a module is its decorator
class ReferenceModule {}
Module({
  imports: [
    CountonceModule.forRootAsync({
      useFactory: () => ({ databaseUrl: config.DATABASE_URL, config }),
      http: 'api',
    }),
  ],
  controllers: [ReferenceController],
})(ReferenceModule);

await source.initialize();
const app = await NestFactory.create(ReferenceModule, new FastifyAdapter(), {
  bodyParser: false,
  logger: ['error'],
});
configureHttp(app);
await app.get(TenantService).ensureDefaultTenant(config);
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));
// Ctrl-C is for the benchmark, which ends this process.
process.on('SIGINT', () => undefined);
await app.listen(config.PORT, config.HOST);
