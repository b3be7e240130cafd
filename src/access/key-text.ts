import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The text of an API key: `co_<id>_<secret><checksum>`. The prefix lets scanners of source code
 * find a leaked key; the checksum tells a typo without asking the database.
 */
export interface NewKey {
  readonly keyId: string;
  readonly text: string;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_CHARACTERS = 10;
/** 190 bits. */
const SECRET_CHARACTERS = 32;
/** 62^6 is more than 2^32. */
const CHECKSUM_CHARACTERS = 6;

const PREFIX = 'co_';
const KEY = /^co_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/;

export function makeKey(): NewKey {
  const keyId = randomText(ID_CHARACTERS);
  const body = `${PREFIX}${keyId}_${randomText(SECRET_CHARACTERS)}`;
  return { keyId, text: body + checksum(body) };
}

/** Whether a text is meant to be one of our keys, well-formed or not. */
export function looksLikeKey(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Whether a text has the form of our keys, checksum included. */
export function isWellFormedKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_CHARACTERS);
  return checksum(body) === text.slice(-CHECKSUM_CHARACTERS);
}

/** The public part of a well-formed key: the id that lists show. */
export function keyIdOf(key: string): string {
  return key.slice(PREFIX.length, PREFIX.length + ID_CHARACTERS);
}

/** SHA-256 of the whole key: 190 random bits need neither salt nor stretching. */
export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let place = 0; place < CHECKSUM_CHARACTERS; place++) {
    text = ALPHABET[rest % ALPHABET.length]! + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

function randomText(characters: number): string {
  return Array.from({ length: characters }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
