import type { Command } from 'commander';
import { tenantsOf, type AuditedTenant } from '../access/audit/audit-read.store.js';
import {
  verifyChain,
  type ChainReport,
  type VerificationOptions,
} from '../access/audit/audit-verification.js';
import type { AuditHead } from '../access/audit/audit.store.js';
import { Connections } from '../database/connections.js';
import { CommandFailure, EXIT, wrongUsage } from './command-failure.js';
import { command, group, print, type JsonOption } from './command.js';
import { openDatabase, requireMigrated } from './open-database.js';
import { ProgressBar } from './progress-bar.js';
import { commandConfig } from './services.js';

interface Options extends JsonOption {
  readonly tenant?: string;
  readonly head?: string;
}

interface TenantReport extends ChainReport {
  readonly tenant: string;
}

const FORMAT = '{tenant} {bar} {percentage}% | {value} of {total} entries | {eta_formatted} left';
const HEAD = /^([1-9]\d{0,14}):([0-9a-f]{64})$/;

export function auditCommand(): Command {
  return group('audit', 'The audit entries: who changed what.').addCommand(verifyCommand());
}

function verifyCommand(): Command {
  return command(
    'verify',
    'Check that no audit entry was altered, removed or reordered. Only reads. Exit code 1 and what ' +
      'is wrong where, if anything is. Note the head that it prints elsewhere: given with --head ' +
      'later, it shows also a chain that was made anew as a whole.',
    ['audit verify', 'audit verify --tenant acme --head 1204:9f86d081…'],
  )
    .option('--tenant <name>', 'name of the tenant (default: all of them)')
    .option('--head <sequence:hash>', 'a head of that tenant that was noted before')
    .action(async (options: Options) => {
      const noted = notedHead(options);
      const reports = await verifyAll(options, noted);
      const isWhole = reports.every(({ faults }) => faults === 0);
      print(options, { ok: isWhole, tenants: reports.map(shown) }, told(reports));
      if (!isWhole) process.exitCode = EXIT.failed;
    });
}

function notedHead({ tenant, head }: Options): AuditHead | undefined {
  if (head === undefined) return undefined;
  const [, sequence, hash] = HEAD.exec(head) ?? [];
  if (tenant === undefined || sequence === undefined || hash === undefined) {
    throw wrongUsage('--head takes <sequence>:<hash> as it was printed, together with --tenant.');
  }
  return { sequence: Number(sequence), hash: Buffer.from(hash, 'hex') };
}

async function verifyAll(
  { tenant }: Options,
  noted: AuditHead | undefined,
): Promise<TenantReport[]> {
  const database = await openDatabase(commandConfig(process.env));
  try {
    await requireMigrated(database.url);
    const db = new Connections(database.url, 'audit', 1);
    try {
      const reports: TenantReport[] = [];
      for (const each of await chosen(db, tenant)) reports.push(await verify(db, each, noted));
      return reports;
    } finally {
      await db.end();
    }
  } finally {
    await database.close();
  }
}

async function chosen(db: Connections, name: string | undefined): Promise<AuditedTenant[]> {
  const tenants = await tenantsOf(db);
  if (name === undefined) return tenants;
  const found = tenants.filter((tenant) => tenant.name === name);
  if (found.length > 0) return found;
  throw new CommandFailure(`No tenant is called ${name}.`, 'tenant_not_found');
}

async function verify(
  db: Connections,
  { tenantId, name: tenant, entries }: AuditedTenant,
  noted: AuditHead | undefined,
): Promise<TenantReport> {
  using bar = new ProgressBar(entries, FORMAT, { tenant });
  const onProgress: VerificationOptions['onProgress'] = (checked, total) => {
    bar.grow(total);
    bar.update(checked);
  };
  return { tenant, ...(await verifyChain(db, tenantId, { noted, onProgress })) };
}

function shown({ tenant, entries, erased, head, faults, findings }: TenantReport): object {
  return {
    tenant,
    ok: faults === 0,
    entries,
    erased,
    head: head === undefined ? null : { sequence: head.sequence, hash: head.hash.toString('hex') },
    faults,
    findings,
  };
}

function told(reports: readonly TenantReport[]): string {
  return reports.flatMap(toldOf).join('\n') || 'There is no tenant yet.';
}

function toldOf({ tenant, entries, erased, head, faults, findings }: TenantReport): string[] {
  const noted = head === undefined ? '' : `, head ${head.sequence}:${head.hash.toString('hex')}`;
  const without = erased === 0 ? '' : `, ${erased} of them with their texts erased`;
  const verdict = faults === 0 ? 'ok  ' : 'FAIL';
  const more = faults > findings.length ? [`        and ${faults - findings.length} more`] : [];
  return [
    `${verdict}  ${tenant}: ${entries} entries${without}${noted}`,
    ...findings.map(({ fault, sequence, detail }) => `        ${fault} at ${sequence}: ${detail}`),
    ...more,
  ];
}
