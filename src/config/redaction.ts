export const REDACTED = '[redacted]';

/** Fields whose value is secret wherever they stand; in lower case, without `-` and `_`. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'stripesignature',
  'apikey',
  'xapikey',
  'bootstrapapikey',
  'secret',
  'secrets',
  'secretkey',
  'stripesecretkey',
  'webhooksecret',
  'webhooksecrets',
  'stripewebhooksecret',
  'encryptionkey',
  'password',
]);

/** Secrets that are told by their looks. Every repetition is bounded, so a long text stays cheap. */
const LOOKS: readonly (readonly [RegExp, string])[] = [
  [/([sr]k_(?:test|live)_)[\w-]{1,512}/g, `$1${REDACTED}`],
  [/(whsec_)[\w+/=-]{1,512}/g, `$1${REDACTED}`],
  // Our own API keys: co_<id>_<secret><checksum>; a push identifier, co1_…, is none.
  [/(co_[A-Za-z0-9]{1,64}_)[\w-]{8,512}/g, `$1${REDACTED}`],
  [/((?:Bearer|Basic) {1,4})[\w.~+/=-]{1,1024}/gi, `$1${REDACTED}`],
  // As far as the last @: a password that was not percent-encoded may hold one itself.
  [/(:\/\/[^\s:@/]{0,256}:)[^\s]{0,512}@/g, `$1${REDACTED}@`],
];

/**
 * Makes a copy of a JSON value without secrets: those of known fields, those that look like one,
 * and the given ones wherever they occur, keys included.
 */
export function redacted(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redactedText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redacted(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      redactedText(name, secrets),
      isSecretField(name) && item !== null ? REDACTED : redacted(item, secrets),
    ]),
  );
}

function isSecretField(name: string): boolean {
  return SECRET_FIELDS.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

function redactedText(text: string, secrets: readonly string[]): string {
  const withoutGiven = secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return LOOKS.reduce((rest, [looks, instead]) => rest.replaceAll(looks, instead), withoutGiven);
}
