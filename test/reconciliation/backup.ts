import { randomBytes } from 'node:crypto';
import { Database } from '../../src/database/database.js';
import type { PushScene } from '../push/push-scene.js';
import { onNodes } from '../support/database.js';

/** A copy of a scene's database, with the same Stripe. */
export interface Backup extends AsyncDisposable {
  /** The scene as the copy has it; to be disposed of before the copy. */
  restored(): PushScene;
}

/** Copies the database as it stands. Sessions that are idle are cut off for it. */
export async function backupOf(scene: PushScene): Promise<Backup> {
  const url = new URL(scene.db.url);
  const original = url.pathname.slice(1);
  const copy = `${original}_${randomBytes(3).toString('hex')}`;
  await onNodes(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${original}'`,
  );
  await onNodes(`CREATE DATABASE ${copy} TEMPLATE ${original}`);
  url.pathname = `/${copy}`;
  return {
    restored: () => scene.on(new Database(url.href, 4)),
    async [Symbol.asyncDispose]() {
      await onNodes(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`);
    },
  };
}
