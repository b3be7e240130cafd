/** What a code says, and what its reader can do about it. */
export interface CodeEntry {
  /** The HTTP status where the code is the answer; codes of one field or event stand in a 422. */
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
}
