import { describe, expect, it } from 'vitest';
import { violatedConstraint } from '../../src/database/connections.js';
import { isMonthMissing } from '../../src/database/usage-months.js';

/** As the coordinator of Citus hands it on: ReportResultError of its remote_commands.c. */
const handedOn = (code: string, message: string): Error =>
  Object.assign(new Error(message), { code, routine: 'ReportResultError' });

describe('an error of a worker of Citus', () => {
  it.each([
    [
      '23505',
      'duplicate key value violates unique constraint "push_in_flight_key_102045"',
      'push_in_flight_key',
    ],
    [
      '23503',
      'insert or update on table "push_102045" violates foreign key constraint "push_fkey_102045"',
      'push_fkey',
    ],
    [
      '23514',
      'new row for relation "push_102045" violates check constraint "push_kind_check_102045"',
      'push_kind_check',
    ],
    ['23514', 'no partition of relation "usage_event_102045" found for row', undefined],
    ['22012', 'division by zero in "push_102045"', undefined],
  ])('of %s: %s', (code, message, constraint) => {
    expect(violatedConstraint(handedOn(code, message))).toBe(constraint);
  });

  it('tells of a month that is missing, in whatever language', () => {
    const words = 'keine Partition von Relation »usage_event_102045« für die Zeile gefunden';
    const quoted = words.replace('»', '"').replace('«', '"');

    expect(isMonthMissing(handedOn('23514', quoted))).toBe(true);
    expect(isMonthMissing(handedOn('23505', '… "push_in_flight_key_102045"'))).toBe(false);
    expect(isMonthMissing(handedOn('23514', '… "push_102045" … "push_kind_check_102045"'))).toBe(
      false,
    );
  });

  it('is looked at by its words only where the coordinator handed it on', () => {
    const own = Object.assign(new Error('… "push_in_flight_key_102045"'), { code: '23505' });

    expect(violatedConstraint(own)).toBeUndefined();
  });
});
