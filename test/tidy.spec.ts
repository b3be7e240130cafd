import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = [
  'src',
  'migrations',
  'simulator/src',
  'bench',
  'storm',
  'proof',
  'fuzz',
  'examples',
];
const TESTS = ['test', 'simulator/test'];

const SOURCE_LINES_MAX = 300;
/** Words that say nothing about what is inside. */
const EMPTY_NAMES =
  /(?:^|[-./])(?:utils?|common|helpers?|base|managers?|misc|shared|impl)(?:[-./]|$)/;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*\.ts$/;
const LEFT_OVER = /\b(?:TODO|FIXME|XXX)\b/;
const TYPED_ANY = /(?::|\bas|<)\s*any\b/;

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The TypeScript files under some folders of the repository, without what was built. */
function filesIn(folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((path) => path.endsWith('.ts') && !/(?:^|\/)(?:dist|node_modules)\//.test(path))
    .map((path) => ({ path, text: readFileSync(`${ROOT}${path}`, 'utf8') }));
}

function pathsWhere(files: readonly SourceFile[], broken: (file: SourceFile) => boolean): string[] {
  return files.filter(broken).map(({ path }) => path);
}

/** Lines without comments at their end or as a whole; enough to look for code in. */
function codeOf({ text }: SourceFile): string {
  return text.replaceAll(/\/\*[^]*?\*\/|(?<![:'"`])\/\/.*$/gm, '');
}

describe('the sources', () => {
  const sources = filesIn(SOURCES);
  const all = [...sources, ...filesIn(TESTS)];

  it('are there', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(all.length).toBeGreaterThan(sources.length);
  });

  it('fit into files that can be read in one go', () => {
    const long = pathsWhere(sources, ({ text }) => text.split('\n').length - 1 > SOURCE_LINES_MAX);
    expect(long).toEqual([]);
  });

  it('are named for what is in them', () => {
    expect(pathsWhere(all, ({ path }) => EMPTY_NAMES.test(path))).toEqual([]);
  });

  it('are named in kebab-case, with their role', () => {
    expect(pathsWhere(all, ({ path }) => !KEBAB_CASE.test(path.split('/').at(-1)!))).toEqual([]);
  });

  it('leave nothing for later', () => {
    const others = all.filter(({ path }) => path !== 'test/tidy.spec.ts');
    expect(pathsWhere(others, ({ text }) => LEFT_OVER.test(text))).toEqual([]);
  });

  it('know the type of everything', () => {
    expect(pathsWhere(sources, (file) => TYPED_ANY.test(codeOf(file)))).toEqual([]);
  });

  it('switch the compiler and the linter off only with a reason', () => {
    const mute = /@ts-(?:ignore|nocheck)|(?:eslint|oxlint)-disable(?!.*--)|@ts-expect-error *$/m;
    expect(pathsWhere(sources, ({ text }) => mute.test(text))).toEqual([]);
  });

  it('speak to Stripe in one folder alone', () => {
    const elsewhere = sources.filter(({ path }) => /^src\/(?!stripe\/)/.test(path));
    const sdk = /(?:from|import|import\()\s*['"]stripe(?:\/[^'"]*)?['"]/;
    expect(pathsWhere(elsewhere, ({ text }) => sdk.test(text))).toEqual([]);
  });
});

describe('the tests', () => {
  const specs = filesIn(TESTS).filter(({ path }) => path.endsWith('.spec.ts'));

  it('expect something, each file of them', () => {
    expect(specs.length).toBeGreaterThan(30);
    expect(pathsWhere(specs, ({ text }) => !/\bexpect[A-Z(.]/.test(text))).toEqual([]);
  });

  it('are all run', () => {
    const muted = /\b(?:it|describe|test)\.(?:skip|only|todo)\b(?!If)/;
    expect(pathsWhere(specs, (file) => muted.test(codeOf(file)))).toEqual([]);
  });
});
