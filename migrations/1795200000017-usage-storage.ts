import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How the totals are stored and vacuumed; docs/decisions/0011-storage-settings.md says why. */
export class UsageStorage1795200000017 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      ALTER TABLE usage_delta SET (autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
      ALTER TABLE usage_total SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      ALTER TABLE usage_total RESET (fillfactor, autovacuum_vacuum_scale_factor);
      ALTER TABLE usage_delta RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
        autovacuum_vacuum_cost_delay)
    `);
  }
}
