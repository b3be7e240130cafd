import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const read = (file: string): any => JSON.parse(readFileSync(`${ROOT}${file}`, 'utf8'));
const packages = Object.entries(
  read('package-lock.json').packages as Record<string, Locked>,
).filter(([path, { link }]) => path.includes('node_modules/') && link !== true);

describe('what is installed', () => {
  it('comes from the registry alone, never from elsewhere, and each by its checksum', () => {
    expect(packages.length).toBeGreaterThan(100);
    const odd = packages.filter(
      ([, { resolved = '', integrity = '' }]) =>
        !/^(?:https:\/\/registry\.npmjs\.org\/|$)/.test(resolved) ||
        !integrity.startsWith('sha512-'),
    );
    expect(odd.map(([path]) => path)).toEqual([]);
  });

  it('runs no script when it is installed', () => {
    expect(readFileSync(`${ROOT}.npmrc`, 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
    expect(Object.values(allowScripts)).not.toContain(true);
  });

  it('are listed by npm run sbom', async () => {
    const { scripts, dependencies } = read('package.json') as {
      scripts: { sbom: string };
      dependencies: Record<string, string>;
    };
    const [npm, ...args] = scripts.sbom.split(' ');
    const { stdout } = await promisify(execFile)(npm!, args, {
      cwd: ROOT,
      maxBuffer: 64 * 1024 * 1024,
    });
    const bom = JSON.parse(stdout) as { bomFormat: string; components: { purl: string }[] };
    expect(bom.bomFormat).toBe('CycloneDX');
    const listed = bom.components.map(({ purl }) => decodeURIComponent(purl));
    for (const name of Object.keys(dependencies).filter((each) => !each.startsWith('@countonce'))) {
      expect(listed.some((purl) => purl.startsWith(`pkg:npm/${name}@`))).toBe(true);
    }
  });
});
