import type { Command } from 'commander';
import { EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { verifyEvidence, type Verification } from './verification/verification.js';

export function verifyStatementCommand(): Command {
  return command(
    'verify-statement <file>',
    'Check a file of `countonce export` by itself: that nothing was altered since, that the entries ' +
      'give the count, the digest and the value of each statement and amendment, and that the pushes ' +
      'add up to what they say of them. No database and no network. Exit code 1 and what is wrong, if ' +
      'anything is.',
    ['verify-statement acme.ndjson', 'verify-statement acme.ndjson.gz --json'],
  )
    .option('--sha256 <hex>', 'what was noted of the file, as `countonce export` printed it')
    .action(async (path: string, options: JsonOption & { readonly sha256?: string }) => {
      const verification = await verifyEvidence(path, options.sha256);
      print(options, verification, told(verification));
      if (!verification.ok) process.exitCode = EXIT.failed;
    });
}

function told(verification: Verification): string {
  const { ok, file, customer_id: customer, periods, entries, checks } = verification;
  const statements = verification.statements.map(
    (each) =>
      `${each.meter} ${each.period_start}: ${each.status}, ${each.aggregation}, value ${each.value}, ` +
      `amended_value ${each.amended_value}, digest ${each.digest}`,
  );
  const lines = checks.map((each) => {
    const { check, of, meaning, detail } = each;
    return `${each.ok ? 'ok   ' : 'WRONG'}  ${of}: ${check}, ${meaning}${detail === null ? '' : `\n       ${detail}`}`;
  });
  const wrong = checks.filter((check) => !check.ok).length;
  const verdict = ok
    ? 'Everything agrees.'
    : `${wrong} of ${checks.length} checks found something wrong.`;
  return [
    ...lines,
    '',
    ...statements,
    `SHA-256 of the file: ${verification.sha256}`,
    '',
    `${file}, customer ${String(customer)}: ${periods} periods, ${entries} entries. ${verdict}`,
  ].join('\n');
}
