import fc from 'fast-check';

/** One of two, the second in so many of a hundred draws. */
export function sometimes<T, U>(
  percent: number,
  otherwise: fc.Arbitrary<U>,
  usually: fc.Arbitrary<T>,
): fc.Arbitrary<T | U> {
  return fc.oneof(
    { weight: 100 - percent, arbitrary: usually },
    { weight: percent, arbitrary: otherwise },
  );
}

/** Absent in all but so many of a hundred draws. */
export function maybe<T>(percent: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc
    .option(value, { nil: undefined, freq: 100 })
    .chain((drawn) => fc.nat(99).map((at) => (at < percent ? drawn : undefined)));
}
