import type { Wire } from './send/wire.js';

const SHOWN_BYTES_MAX = 20_000;

/** A command for a shell that sends the same, with `$KEY` in the place of a key. */
export function toCurl(wire: Wire, secrets: ReadonlySet<string>): string {
  const { method, path, headers, body } = wire;
  const parts = [
    'curl',
    '-sS',
    '--path-as-is',
    '-g',
    `-X ${method}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
  ];
  const target = `"$BASE"${quoted(path)}`;
  if (body === undefined) return hidden([...parts, target].join(' '), secrets);
  const isText = body.length <= SHOWN_BYTES_MAX && Buffer.from(body.toString()).equals(body);
  if (isText && !body.includes(0)) {
    const text = quoted(body.toString());
    return hidden([...parts, `--data-binary ${text}`, target].join(' '), secrets);
  }
  const base64 = body.subarray(0, SHOWN_BYTES_MAX).toString('base64');
  const cut = body.length > SHOWN_BYTES_MAX ? ` # the first bytes of ${body.length}` : '';
  const whole = [...parts, '--data-binary @-', target].join(' ');
  return hidden(`echo ${base64} | base64 -d | ${whole}${cut}`, secrets);
}

/** The same for bytes that are no request; where it says `$KEY`, a key is to be put in. */
export function toNetcat(bytes: Buffer, secrets: ReadonlySet<string>): string {
  const text = hidden(bytes.subarray(0, SHOWN_BYTES_MAX).toString('latin1'), secrets);
  return `echo ${Buffer.from(text, 'latin1').toString('base64')} | base64 -d | nc "$HOST" "$PORT"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function hidden(text: string, secrets: ReadonlySet<string>): string {
  return [...secrets].reduce((rest, secret) => rest.replaceAll(secret, '$KEY'), text);
}
