import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SERVICE_ROLE, setUpRoles, TENANT_ROLE } from '../src/database/roles.js';

/** Who may do what, and the wall between tenants. Runs last: the rights are over all tables. */
export class CreateRoles1795200000090 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await setUpRoles(db);
  }

  /** The roles stay: other databases of the server may use them. */
  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DO $$
      DECLARE
        t record;
      BEGIN
        FOR t IN SELECT DISTINCT format('%I.%I', schemaname, tablename) AS name FROM pg_policies
                  WHERE schemaname = 'public' AND policyname IN ('one_tenant', 'every_tenant') LOOP
          EXECUTE format('DROP POLICY one_tenant ON %s', t.name);
          EXECUTE format('DROP POLICY every_tenant ON %s', t.name);
          EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', t.name);
        END LOOP;
      END $$;
      REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${SERVICE_ROLE}, ${TENANT_ROLE};
    `);
  }
}
