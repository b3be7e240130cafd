import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  insideCommand,
  onceInCommand,
  type RunningCommand,
} from '../../src/database/command-context.js';
import { Database } from '../../src/database/database.js';
import { HeldTransaction } from '../../src/database/held-transaction.js';
import { OuterTransaction } from '../../src/database/outer-transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url, 2);
  await database.pool.query('CREATE TABLE note (text text PRIMARY KEY)');
});
afterAll(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});

const note = (text: string, on: Pick<Database['work'], 'query'> = db.work) =>
  on.query('INSERT INTO note VALUES ($1)', [text]);

async function notes(): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>('SELECT text FROM note ORDER BY 1');
  return rows.map(({ text }) => text);
}

/** Runs work as part of a command, and what it leaves behind as well, then commits or rolls back. */
async function inCommand(work: () => Promise<void>, end: 'commit' | 'rollback'): Promise<void> {
  await database.pool.query('TRUNCATE note');
  const held = await HeldTransaction.open(db.work);
  let isOpen = true;
  const command: RunningCommand = {
    connections: db.work,
    get outer() {
      return isOpen ? outer : undefined;
    },
    once: (make) => make(),
    atCommit: () => undefined,
  };
  const outer = new OuterTransaction(held.tx, (inner, step) => insideCommand(command, inner, step));
  await insideCommand(command, undefined, work);
  isOpen = false;
  await outer.end(() => held[end]());
}

describe('what a command does on the connections of its transaction', () => {
  it('is there with its commit, and not before', async () => {
    const seen: string[][] = [];
    await inCommand(async () => {
      await note('alone');
      await db.work.transaction((tx) => note('inside', tx));
      seen.push(await notes());
    }, 'commit');
    expect(seen).toEqual([[]]);
    expect(await notes()).toEqual(['alone', 'inside']);
  });

  it('is nowhere where it is rolled back', async () => {
    await inCommand(async () => {
      await note('alone');
      await db.work.transaction((tx) => note('inside', tx));
    }, 'rollback');
    expect(await notes()).toEqual([]);
  });

  it('goes on after a statement or a transaction that failed', async () => {
    await inCommand(async () => {
      await note('first');
      await expect(note('first')).rejects.toThrow('note_pkey');
      await expect(
        db.work.transaction(async (tx) => {
          await note('undone', tx);
          await note('first', tx);
        }),
      ).rejects.toThrow('note_pkey');
      await note('last');
    }, 'commit');
    expect(await notes()).toEqual(['first', 'last']);
  });

  it('is done one after the other, and by the transaction that the code is in', async () => {
    await inCommand(async () => {
      await Promise.all([
        db.work.transaction(async (tx) => {
          await note('a', tx);
          // Not by way of `tx`: it would wait for itself.
          await note('b');
          await db.work.transaction((inner) => note('c', inner));
        }),
        note('d'),
        expect(
          db.work.transaction(async () => {
            await note('undone');
            throw new Error('thought better of it');
          }),
        ).rejects.toThrow('better'),
        note('e'),
      ]);
    }, 'commit');
    expect(await notes()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('is by itself again after the end, and on other connections always was', async () => {
    let later: () => Promise<unknown> = () => Promise.resolve();
    let goOn: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (goOn = resolve));
    await inCommand(async () => {
      await note('elsewhere', db.recording);
      const behind = ended.then(() => note('behind the answer'));
      later = () => behind;
      return Promise.resolve();
    }, 'rollback');
    goOn();
    await later();
    expect(await notes()).toEqual(['behind the answer', 'elsewhere']);
  });

  it('commits at no place where a transaction is open', async () => {
    await inCommand(async () => {
      await expect(
        db.work.transaction(() => onceInCommand(() => Promise.resolve('made'))),
      ).rejects.toThrow('outside of inner transactions');
    }, 'rollback');
    expect(await onceInCommand(() => Promise.resolve('without a command'))).toBe(
      'without a command',
    );
  });
});
