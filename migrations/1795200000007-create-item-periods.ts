import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Billing periods as Stripe subscriptions have them, and the invoices that bill them. */
export class CreateItemPeriods1795200000007 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }
}
