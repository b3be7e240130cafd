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
