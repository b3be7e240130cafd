/** What happened in a history, line by line, to be shown where it failed. */
export class Trace {
  readonly lines: string[] = [];

  constructor(private readonly nowMs: () => number) {}

  add(text: string): void {
    const at = new Date(this.nowMs()).toISOString().replace('.000Z', 'Z');
    this.lines.push(`${at}  ${text}`);
    if (process.env['STORM_TRACE'] === 'live') process.stderr.write(`${at}  ${text}\n`);
  }
}
