import { type Bytes, formatBytes } from "../stacks/bytes.ts";
import * as c from "./constants.ts";
import type { DiskRoom } from "./disk.ts";

/** One line of the budget: what, how much, why, and who says so. */
export type Term = { name: string; value: string; reason: string; source?: string };

/** A term whose reason is its own. */
export const term = (name: string, value: string, reason: string, source?: string): Term =>
  source === undefined ? { name, value, reason } : { name, value, reason, source };

/** A term with the reason of a constant, after the sum that led to it where there is one. */
export const because = (name: string, value: string, why: c.Constant, sum?: string): Term =>
  term(name, value, sum === undefined ? why.reason : `${sum}: ${why.reason}`, why.source);

/** A term that is a part of RAM between two bounds: which of the three it is, with that one's reason. */
export function shareTerm(
  name: string,
  value: Bytes,
  memory: Bytes,
  share: c.Constant,
  bounds: { least: c.Constant; most: c.Constant },
): Term {
  const part = memory * share.value;
  const sum = `1/${1 / share.value} of ${formatBytes(memory)}`;
  const bounded = (word: string, bound: c.Constant) =>
    because(name, formatBytes(value), bound, `${sum}, at ${word} ${formatBytes(bound.value as Bytes)}`);
  if (part < bounds.least.value) return bounded("least", bounds.least);
  return part > bounds.most.value
    ? bounded("most", bounds.most)
    : because(name, formatBytes(value), share, sum);
}

/** A cache's size: the stack's, by RAM, as it was, or by the disk. */
export function sizeTerm(
  name: string,
  size: Bytes,
  given: Bytes | undefined,
  room: DiskRoom,
  part: c.Constant,
  ram: string | null,
): Term {
  const percent = `${c.DISK_SHARE.value * 100} % ${c.DISK_SHARE.reason}`;
  const disk = room.shared ? `${part.value * 8}/8 of ${percent}; ${part.reason}` : percent;
  const kept =
    room.share !== room.fresh && ram === null
      ? `as applied before; reckoned anew ${formatBytes(room.fresh)}: ${c.KEEP_FACTOR.reason}`
      : null;
  const reason =
    given !== undefined ? `set by the stack; at most ${formatBytes(room.bound)} fit` : (ram ?? kept ?? disk);
  return term(name, formatBytes(size), reason, c.DISK_SHARE.source);
}
