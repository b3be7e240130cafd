import type { Command } from 'commander';
import { lanePage } from '../reconciliation/lane-page.js';
import type { LaneAnswer } from '../reconciliation/lane.answer.js';
import type { ReconciliationPage } from '../reconciliation/reconciliation.answer.js';
import { ReconciliationRunner } from '../reconciliation/reconciliation-runner.js';
import { ReconciliationService } from '../reconciliation/reconciliation.service.js';
import { EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { Interruption } from './interruption.js';
import { Services } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly customer?: string;
  readonly meter?: string;
  readonly period?: string;
}

const LANES_PER_PAGE = '1000';
const COLUMNS = ['verdict', 'customer', 'meter', 'period', 'ours', 'stripe', 'drift', 'invoice'];

export function reconcileCommand(): Command {
  return command(
    'reconcile',
    'Hold what was pushed against what Stripe counted and billed, as POST /v1/reconciliations ' +
      'does, and wait for it. Exit code 1 where Stripe counted or billed another figure, or no ' +
      'invoice bills a period that has ended.',
    ['reconcile', 'reconcile --customer acme --meter tokens --period 2026-11-01T00:00:00Z'],
  )
    .option('--customer <id>', 'only of this customer')
    .option('--meter <key>', 'only of this meter')
    .option('--period <start>', 'RFC 3339; only the period that starts then')
    .addOption(tenantOption())
    .action(async (options: Options) => {
      await using services = await Services.open();
      using interruption = new Interruption();
      const { tenantId } = await services.tenant(options.tenant);
      const reconciliations = services.get(ReconciliationService);
      const id = await reconciliations.begin(tenantId, requestOf(options));
      await services.get(ReconciliationRunner).run(tenantId, id, () => interruption.isAsked);
      const answer = await whole(reconciliations, tenantId, id);
      print(options, answer, told(answer));
      if (answer.status === 'running') process.exitCode = EXIT.interrupted;
      else if (answer.lanes.some(isWrong)) process.exitCode = EXIT.failed;
    });
}

function requestOf({ customer, meter, period }: Options) {
  return {
    ...(customer === undefined ? {} : { customer_id: customer }),
    ...(meter === undefined ? {} : { meter }),
    ...(period === undefined ? {} : { period_start: period }),
  };
}

async function whole(
  reconciliations: ReconciliationService,
  tenantId: string,
  id: string,
): Promise<ReconciliationPage> {
  const lanes: LaneAnswer[] = [];
  let more: { readonly cursor?: string } = {};
  for (;;) {
    const request = lanePage(id, { limit: LANES_PER_PAGE, ...more });
    const page = await reconciliations.get(tenantId, id, request);
    lanes.push(...page.lanes);
    if (page.next_cursor === null) return { ...page, lanes };
    more = { cursor: page.next_cursor };
  }
}

function isWrong({ verdict, invoice }: LaneAnswer): boolean {
  return verdict === 'drift' || (invoice !== null && invoice.verdict !== 'billed');
}

function told({ lanes, verdicts }: ReconciliationPage): string {
  const rows = lanes.map((lane) => [
    lane.verdict ?? 'not read',
    lane.customer_id,
    lane.meter,
    lane.period_start,
    lane.ours ?? '-',
    lane.stripe ?? '-',
    lane.drift ?? '-',
    lane.invoice?.verdict ?? '-',
  ]);
  const widths = COLUMNS.map((name, at) =>
    Math.max(name.length, ...rows.map((row) => row[at]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd();
  const { matched, lagging, drift, unreadable } = verdicts;
  const sums = `${matched} matched, ${lagging} lagging, ${drift} drift, ${unreadable} unreadable`;
  return [line(COLUMNS), ...rows.map(line), '', sums].join('\n');
}
