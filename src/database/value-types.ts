import pg from 'pg';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';

/** PostgreSQL prints timestamptz as `2026-11-21 10:00:00.123456+00` where TimeZone is UTC. */
function micros(text: string): Micros {
  const [whole, fraction = ''] = text.replace('+00', '').split('.');
  return (
    Date.parse(`${whole!.replace(' ', 'T')}Z`) * 1_000 +
    (fraction === '' ? 0 : Math.round(Number(`0.${fraction}`) * MICROS_PER_SECOND))
  );
}

/** How values come back: instants as {@link Micros}, and what counts as a number. */
export const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, micros);
types.setTypeParser(pg.types.builtins.INT8, Number);
