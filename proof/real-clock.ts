import type { ProofPostgres } from './postgres.js';

/**
 * Leases and back-offs read clock_timestamp() without its schema, so that this one stands in for
 * PostgreSQL's own: the same time, and what it was put ahead by. It is put ahead only once all
 * faults are over, so that nobody waits in front of a screen for the lease of a killed process.
 */
export const CLOCK = `
  CREATE SCHEMA proof;
  CREATE SEQUENCE proof.seconds_ahead AS bigint MINVALUE 0 START 0;
  CREATE FUNCTION proof.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + last_value * interval ''1 second'' FROM proof.seconds_ahead';
  GRANT USAGE ON SCHEMA proof TO PUBLIC;
  GRANT SELECT ON proof.seconds_ahead TO PUBLIC;
  ALTER DATABASE countonce SET search_path = public, proof, pg_catalog`;

/** Lets so much time pass in which nothing happens. */
export async function passSeconds(postgres: ProofPostgres, seconds: number): Promise<void> {
  await postgres.query(
    `SELECT setval('proof.seconds_ahead', (SELECT last_value + $1 FROM proof.seconds_ahead))`,
    [seconds],
  );
}
