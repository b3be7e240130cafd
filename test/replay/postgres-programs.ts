import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const DEBIAN = '/usr/lib/postgresql';

/**
 * Finds a `pg_dump` that can read a server, with the `psql` beside it. The embedded PostgreSQL brings
 * neither along, and one that is older than the server refuses it.
 *
 * @param serverVersion As of server_version_num.
 * @returns The folder; empty for the PATH.
 */
export function dumpPrograms(serverVersion: number): string | undefined {
  const folders = ['', ...versionFolders()];
  return folders.find((folder) => (majorOf(folder) ?? 0) >= Math.floor(serverVersion / 10_000));
}

function versionFolders(): string[] {
  try {
    return readdirSync(DEBIAN).map((version) => `${DEBIAN}/${version}/bin/`);
  } catch {
    return [];
  }
}

function majorOf(folder: string): number | undefined {
  try {
    execFileSync(`${folder}psql`, ['--version']);
    const told = execFileSync(`${folder}pg_dump`, ['--version'], { encoding: 'utf8' });
    return Number(/(\d+)\.\d+/.exec(told)?.[1]);
  } catch {
    return undefined;
  }
}
