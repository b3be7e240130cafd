import { describe, expect, it } from 'vitest';
import { isTimezone } from '../../src/domain/billing-period.js';

describe('the name of a time zone', () => {
  it.each([
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Etc/GMT+5',
    'Asia/Calcutta',
    'America/Argentina/Buenos_Aires',
  ])('may be %s', (name) => {
    expect(isTimezone(name)).toBe(true);
  });

  it.each([
    '',
    'Z',
    '+01:00',
    'Mars/Olympus_Mons',
    'Europe/Berlin ',
    'Europe/Berlin\n',
    '2024-01-01T00:00Z',
    '2024-01-01T00:00[Europe/Berlin]',
    'T10:00Z',
    '-08',
    '../../etc/passwd',
  ])('is not %j', (name) => {
    expect(isTimezone(name)).toBe(false);
  });
});
