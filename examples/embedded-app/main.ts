import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadConfig, migrate, openDatabase } from 'countonce';
import { AppModule } from './app.module.js';

// DATABASE_URL, or an embedded PostgreSQL in DATA_DIR; the application shares it.
const config = loadConfig(process.env);
const database = await openDatabase(config);
await migrate(database.url);

const app = await NestFactory.create<NestFastifyApplication>(
  AppModule.on(database.url),
  new FastifyAdapter(),
);
await app.listen(config.PORT, config.HOST);

const stop = async (): Promise<void> => {
  await app.close();
  await database.close();
};
process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
