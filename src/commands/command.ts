import { Command } from 'commander';

export interface JsonOption {
  readonly json?: true;
}

/**
 * A command with what all of them have: `--json`, an example under its help, and errors that are
 * thrown instead of ending the process.
 */
export function command(
  usage: string,
  description: string,
  examples: readonly [string, ...string[]],
): Command {
  const lines = examples.map((example) => `  $ npx countonce ${example}`).join('\n');
  return group(usage, description)
    .option('--json', 'print JSON for programs')
    .addHelpText('after', `\nExample${examples.length > 1 ? 's' : ''}:\n${lines}`);
}

/** A word that stands before other commands and does nothing itself. */
export function group(name: string, description: string): Command {
  const made = new Command(name.split(' ')[0])
    .description(description)
    .summary(description.split(/(?<=\.) /)[0]!);
  for (const argument of name.split(' ').slice(1)) made.argument(argument);
  // What went wrong is told in one place, by the entry file.
  return made.exitOverride().configureOutput({ outputError: () => undefined });
}

/** Prints one JSON document, or else what a person reads. */
export function print({ json }: JsonOption, document: unknown, text: string): void {
  process.stdout.write(`${json === true ? JSON.stringify(document) : text}\n`);
}
