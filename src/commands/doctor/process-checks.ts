import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidConfiguration, loadConfig, type Config } from '../../config/config.js';
import { fail, ok, warn, type Check } from './check.js';

const NODE_MIN = [20, 19] as const;
const MEBIBYTE = 1024 * 1024;
/** PostgreSQL stops where it cannot write its log: 16 MiB a segment, some of them at once. */
const FREE_MIN_MIB = 256;
const FREE_ENOUGH_MIB = 2_048;

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  return isNewEnough
    ? ok('node', version)
    : fail('node', version, `Install Node.js ${NODE_MIN.join('.')} or newer.`);
}

/** The configuration, or what is wrong with it, variable by variable. */
export function checkConfiguration(env: NodeJS.ProcessEnv): {
  readonly checks: readonly Check[];
  readonly config?: Readonly<Config>;
} {
  try {
    return { config: loadConfig(env), checks: [ok('configuration', 'every variable is valid')] };
  } catch (error) {
    if (!(error instanceof InvalidConfiguration)) throw error;
    const checks = Object.entries(error.problems).map(([variable, must]) =>
      fail(variable, must, `Set ${variable} right, or unset it for its default.`),
    );
    return { checks };
  }
}

/** The folder of the embedded database. */
export async function checkDataDir(dataDir: string): Promise<Check[]> {
  const folder = resolve(dataDir);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const advice = 'Set DATA_DIR to a folder that this user may write to, or set DATABASE_URL.';
    return [fail('DATA_DIR', `${folder} cannot be written (${code ?? 'unknown'})`, advice)];
  }
  return [ok('DATA_DIR', folder), await checkFreeSpace(folder)];
}

async function checkFreeSpace(folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(folder);
  const freeMebibytes = Math.floor((bavail * bsize) / MEBIBYTE);
  const detail = `${freeMebibytes.toLocaleString('en-US')} MiB free`;
  if (freeMebibytes < FREE_MIN_MIB) {
    return fail('disk', detail, 'Free some space: PostgreSQL stops when the disk is full.');
  }
  return freeMebibytes < FREE_ENOUGH_MIB
    ? warn('disk', detail, 'Plan for about 1 KiB per event and meter.')
    : ok('disk', detail);
}
