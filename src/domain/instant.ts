/**
 * An instant: microseconds since 1970-01-01T00:00:00Z, a safe integer from 1684 until the year 2255.
 * PostgreSQL keeps timestamptz to the microsecond too; a JavaScript Date would drop three digits.
 */
export type Micros = number;

export const MICROS_PER_MILLISECOND = 1_000;
export const MICROS_PER_SECOND = 1_000_000;
export const MICROS_PER_MINUTE = 60 * MICROS_PER_SECOND;
export const MICROS_PER_QUARTER_HOUR = 15 * MICROS_PER_MINUTE;
export const MICROS_PER_HOUR = 60 * MICROS_PER_MINUTE;
/** 24 hours; a local day may be shorter or longer. */
export const MICROS_PER_DAY = 24 * MICROS_PER_HOUR;

const MILLISECONDS_PER_MINUTE = 60_000;

/**
 * RFC 3339, section 5.6, with what it leaves open decided: no leap second (PostgreSQL would move
 * 23:59:60 into the next day, and so into the next period), no separator but T, no finer digits
 * than microseconds unless they are zeros. Whether the month has the day is checked afterwards.
 */
const RFC_3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6}0*)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Where the seconds end in `2026-11-01T00:00:00`, and how long `+hh:mm` is. */
const LENGTH_TO_SECONDS = 19;
const LENGTH_OF_OFFSET = 6;

/** The instant that an RFC 3339 text names, or undefined if it names none that can be kept exactly. */
export function parseInstant(text: string): Micros | undefined {
  if (!RFC_3339.test(text)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  // Date.UTC reads the years 0 to 99 as 1900 to 1999; they are out of range in any case.
  if (year < 100) return undefined;
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const midnight = Date.UTC(year, month - 1, day);
  // Date.UTC moves 30 February into March.
  if (new Date(midnight).getUTCDate() !== day) return undefined;

  const hourAndMinute = twoDigits(text, 11) * 60 + twoDigits(text, 14);
  const milliseconds =
    midnight +
    (hourAndMinute - offsetMinutes(text)) * MILLISECONDS_PER_MINUTE +
    twoDigits(text, 17) * 1_000;
  const micros = milliseconds * MICROS_PER_MILLISECOND + fractionMicros(text);
  return Number.isSafeInteger(micros) ? micros : undefined;
}

/** As Date.toISOString, with six digits instead of three where three would lose something. */
export function formatInstant(micros: Micros): string {
  return micros % MICROS_PER_MILLISECOND === 0
    ? new Date(micros / MICROS_PER_MILLISECOND).toISOString()
    : formatInstantMicros(micros);
}

/** Always six digits, so that one instant has one text: `2026-11-01T00:00:00.000000Z`. */
export function formatInstantMicros(micros: Micros): string {
  const day = Math.floor(micros / MICROS_PER_DAY);
  const ofDay = micros - day * MICROS_PER_DAY;
  const seconds = Math.floor(ofDay / MICROS_PER_SECOND);
  const rest = ofDay - seconds * MICROS_PER_SECOND;
  const minutes = Math.floor(seconds / 60);
  const time = `${TWO_DIGITS[Math.floor(minutes / 60)]}:${TWO_DIGITS[minutes % 60]}:${TWO_DIGITS[seconds % 60]}`;
  return `${dateOf(day)}${time}.${String(rest).padStart(6, '0')}Z`;
}

const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** `2026-11-01T` by days since 1970: each usage event has several instants, and few days at a time. */
const dates = new Map<number, string>();
const DATES_MAX = 10_000;

function dateOf(day: number): string {
  let date = dates.get(day);
  if (date === undefined) {
    if (dates.size >= DATES_MAX) dates.clear();
    date = new Date(day * (MICROS_PER_DAY / MICROS_PER_MILLISECOND)).toISOString().slice(0, -13);
    dates.set(day, date);
  }
  return date;
}

/** The start of the UTC quarter hour that the instant lies in. */
export function quarterHour(micros: Micros): Micros {
  return Math.floor(micros / MICROS_PER_QUARTER_HOUR) * MICROS_PER_QUARTER_HOUR;
}

function twoDigits(text: string, at: number): number {
  const zero = 48;
  return (text.charCodeAt(at) - zero) * 10 + text.charCodeAt(at + 1) - zero;
}

function offsetMinutes(text: string): number {
  const start = text.length - LENGTH_OF_OFFSET;
  const sign = text[start];
  if (sign !== '+' && sign !== '-') return 0;
  const minutes = twoDigits(text, start + 1) * 60 + twoDigits(text, start + 4);
  return sign === '-' ? -minutes : minutes;
}

function fractionMicros(text: string): number {
  if (text[LENGTH_TO_SECONDS] !== '.') return 0;
  const zero = 48;
  let micros = 0;
  let at = LENGTH_TO_SECONDS + 1;
  for (let place = MICROS_PER_SECOND / 10; place >= 1; place /= 10) {
    const digit = text.charCodeAt(at) - zero;
    if (!(digit >= 0 && digit <= 9)) break;
    micros += digit * place;
    at += 1;
  }
  return micros;
}
