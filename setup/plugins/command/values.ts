/**
 * Property values as they travel between the engine and a provider: plain JSON plus three kinds of marks
 * (secret, unknown, asset). The fallback plugin passes values on as they came, so that marks survive at their path,
 * and looks through the marks only where it needs the bare value.
 *
 * Wire format: https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/go/common/resource/plugin/rpc.go
 */

/** A value on the wire. Marks are objects with a signature key, or reserved strings. */
export type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };
/** A bag of properties by name. */
export type Bag = { [key: string]: Wire };

const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7";

/** The mark of a string that is unknown before the update runs. */
export const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const UNKNOWNS: ReadonlySet<Wire> = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  UNKNOWN_STRING,
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

/** True for a JSON object, marked or not. */
export function isObject(value: Wire | undefined): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True if the value is the reserved string for "unknown yet". */
export function isUnknown(value: Wire | undefined): boolean {
  return typeof value === "string" && UNKNOWNS.has(value);
}

/** True for a value in a secret envelope. */
export function isSecret(value: Wire | undefined): value is Bag {
  return isObject(value) && value[SIGNATURE_KEY] === SECRET_SIGNATURE;
}

/** Puts a value into a secret envelope. */
export function secret(value: Wire): Bag {
  return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value };
}

/** True for an asset or archive. */
export function isAsset(value: Wire | undefined): value is Bag {
  return isObject(value) && [ASSET_SIGNATURE, ARCHIVE_SIGNATURE].includes(String(value[SIGNATURE_KEY]));
}

/** The bare value: every secret envelope, at any depth, taken off. */
export function reveal(value: Wire): Wire {
  if (isSecret(value)) return reveal(value.value ?? null);
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** True if any part of the value is unknown. */
export function hasUnknown(value: Wire | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.some(hasUnknown);
  if (isObject(value)) return Object.values(value).some(hasUnknown);
  return isUnknown(value);
}

/** Deep equality; secret envelopes count, so a value that became a secret differs. Assets compare by hash. */
export function areEqual(before: Wire | undefined, after: Wire | undefined): boolean {
  if (before === after) return true;
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length && before.every((item, index) => areEqual(item, after[index]));
  }
  if (!isObject(before) || !isObject(after)) return false;
  if (isAsset(before) && isAsset(after) && before.hash && after.hash) return before.hash === after.hash;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].every((key) => areEqual(before[key], after[key]));
}

/** The bag without nulls at any depth of objects: the engine leaves them out, and a null means "absent". */
export function withoutNulls(bag: Bag): Bag {
  const entries = Object.entries(bag).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]),
  );
}
