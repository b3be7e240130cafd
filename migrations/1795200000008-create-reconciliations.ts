import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Our pushes held against what Stripe counted and billed. */
export class CreateReconciliations1795200000008 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }
}
