/**
 * The one unit of memory and disk: a whole number of bytes, and one writer per tool that spells it otherwise.
 * Stack files and messages write KiB, MiB, GiB, TiB (1024-based); nothing here knows MB or GB.
 * It imports nothing, so every folder may import it: stacks/ and host/ take their units from here too.
 */

/** A whole, non-negative number of bytes that a double holds exactly (at most 8 PiB − 1). */
export type Bytes = number & { readonly __unit: "Bytes" };

/** How an inexact conversion goes: down, up, or not at all (an error). */
export type Rounding = "floor" | "ceil" | "exact";

const KIB = 1024;
const UNITS = { KiB: KIB, MiB: KIB ** 2, GiB: KIB ** 3, TiB: KIB ** 4 } as const;
type Unit = keyof typeof UNITS;

/** Words people write for a unit, in lower case, and the word that is meant. systemd's and sccache's `G` are 1024-based too. */
const INTENDED_UNITS: Record<string, Unit> = {
  k: "KiB",
  kb: "KiB",
  kib: "KiB",
  m: "MiB",
  mb: "MiB",
  mib: "MiB",
  g: "GiB",
  gb: "GiB",
  gib: "GiB",
  t: "TiB",
  tb: "TiB",
  tib: "TiB",
};

/** `n` bytes. Throws when `n` is negative, broken or too large to be exact. */
export function bytes(n: number): Bytes {
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new Error(`${n}: not a whole number of bytes between 0 and ${Number.MAX_SAFE_INTEGER}`);
  }
  return n as Bytes;
}

/** `n` KiB, rounded down to a whole byte. */
export const kib = (n: number): Bytes => bytes(Math.floor(n * UNITS.KiB));
/** `n` MiB, rounded down to a whole byte. */
export const mib = (n: number): Bytes => bytes(Math.floor(n * UNITS.MiB));
/** `n` GiB, rounded down to a whole byte. */
export const gib = (n: number): Bytes => bytes(Math.floor(n * UNITS.GiB));

/**
 * Reads `126GiB`, `512MiB`, `1.5GiB`, or a plain whole number of bytes.
 * A fraction of a byte is rounded down. Throws on everything else, naming the unit that was probably meant.
 */
export function parseBytes(text: string | number): Bytes {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(String(text).trim());
  const [, digits = "", word = ""] = match ?? [];
  if (!match || (word === "" && digits.includes("."))) throw new Error(sizeFault(text));
  if (word === "") return bytes(Number(digits));
  if (!isUnit(word)) throw new Error(unitFault(text, digits, word));
  return bytes(Math.floor(Number(digits) * UNITS[word]));
}

const isUnit = (word: string): word is Unit => Object.hasOwn(UNITS, word);

const sizeFault = (text: string | number) =>
  `${JSON.stringify(text)} is not a size: write a number and KiB, MiB, GiB or TiB, for example 30GiB, or whole bytes`;

function unitFault(text: string | number, digits: string, word: string): string {
  const intended = INTENDED_UNITS[word.toLowerCase()];
  const advice = intended ? `write ${digits}${intended}` : "write KiB, MiB, GiB or TiB";
  return `${JSON.stringify(text)}: unknown unit ${word}: sizes are 1024-based, ${advice}`;
}

/**
 * For people, and fit to be pasted into a stack file: the largest unit that leaves at least 1, at most two decimals,
 * rounded down so that a printed bound is never above the real one.
 */
export function formatBytes(b: Bytes): string {
  const unit = (["TiB", "GiB", "MiB", "KiB"] as const).find((u) => b >= UNITS[u]);
  return unit ? `${Math.floor((b / UNITS[unit]) * 100) / 100}${unit}` : String(b);
}

/**
 * sccache: `size` in its file and SCCACHE_CACHE_SIZE, as integer bytes.
 * Its own suffixes refuse fractions and `GiB`, in the environment silently.
 * @see https://github.com/mozilla/sccache/blob/main/docs/Configuration.md
 */
export const sccacheSize = (b: Bytes): string => String(b);

/**
 * bazel-remote: `max_size`, an integer of GiB (a fraction would be cut off silently).
 * @see https://github.com/buchgr/bazel-remote#command-line-flags
 */
export const bazelRemoteGiB = (b: Bytes, rounding: Rounding): number => inUnit(b, "GiB", rounding);

/**
 * systemd: MemoryHigh=, MemoryMax= … in the largest of its 1024-based suffixes that is exact, else plain bytes.
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html
 */
export function systemdBytes(b: Bytes): string {
  const unit = (["TiB", "GiB", "MiB", "KiB"] as const).find((u) => b >= UNITS[u] && b % UNITS[u] === 0);
  return unit ? `${b / UNITS[unit]}${unit.slice(0, 1)}` : String(b);
}

/**
 * Go: GOMEMLIMIT in whole MiB, rounded down (a soft limit; a byte less does no harm).
 * @see https://pkg.go.dev/runtime#hdr-Environment_Variables
 */
export const goMemLimit = (b: Bytes): string => `${inUnit(b, "MiB", "floor")}MiB`;

/**
 * `@pulumi/docker`: container `memory`, an integer the provider calls "MBs" and multiplies by 1024².
 * @see https://www.pulumi.com/registry/packages/docker/api-docs/container/#memory_nodejs
 */
export const dockerMegabytes = (b: Bytes, rounding: Rounding): number => inUnit(b, "MiB", rounding);

function inUnit(b: Bytes, unit: Unit, rounding: Rounding): number {
  const whole = Math.floor(b / UNITS[unit]);
  if (b % UNITS[unit] === 0) return whole;
  switch (rounding) {
    case "floor":
      return whole;
    case "ceil":
      return whole + 1;
    case "exact":
      throw new Error(
        `${b} bytes is not a whole number of ${unit}: round it, or write a multiple of 1${unit}`,
      );
    default:
      return rounding satisfies never;
  }
}
