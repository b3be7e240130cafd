import type pg from 'pg';
import { checkBySql, type Check } from './check.js';

/** What the clients were told, held against itself. */
export async function checkHistory(admin: pg.Client): Promise<Check[]> {
  return [
    await checkBySql(
      admin,
      'every request was answered in the end',
      `SELECT format('request %s of %s was never answered', request, tenant) AS finding
         FROM proof.sent LEFT JOIN proof.answered a USING (request, index) WHERE a.request IS NULL`,
      'SELECT count(DISTINCT request) FROM proof.sent',
    ),
    await checkBySql(
      admin,
      'nothing that is right was refused',
      `SELECT format('%s in request %s', code, request) AS finding FROM proof.error`,
      'SELECT count(*) FROM proof.answered',
    ),
    await checkBySql(
      admin,
      'an id was accepted at most once',
      `SELECT format('%s %s was accepted %s times', tenant, usage_event_id, count(*)) AS finding
         FROM proof.sent JOIN proof.answered USING (request, index)
        WHERE verdict = 'accepted' GROUP BY tenant, usage_event_id HAVING count(*) > 1`,
      'SELECT count(DISTINCT (tenant, usage_event_id)) FROM proof.sent',
    ),
  ];
}
