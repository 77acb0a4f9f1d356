import { type Bytes, formatBytes } from "../../stacks/bytes.ts";
import * as c from "../constants.ts";
import type { DiskRoom } from "../disk.ts";

/** One line of the budget: name, value, reason, and the page that the reason rests on. */
export type Term = { name: string; value: string; reason: string; source?: string };

/** A term with a reason that no constant has. */
export const term = (name: string, value: string, reason: string, source?: string): Term =>
  source === undefined ? { name, value, reason } : { name, value, reason, source };

/** A term with the reason of a constant, after the sum that led to it if there is one. */
export const because = (name: string, value: string, why: c.Constant, sum?: string): Term =>
  term(name, value, sum === undefined ? why.reason : `${sum}: ${why.reason}`, why.source);

/** A share of RAM between two bounds. */
export type Share = { share: c.Constant; min: c.Constant; max: c.Constant };

/** A term that is a share of RAM, or the bound that limits it, with the reason of whichever applies. */
export function shareTerm(name: string, value: Bytes, memory: Bytes, { share, min, max }: Share): Term {
  const part = memory * share.value;
  const sum = `1/${1 / share.value} of ${formatBytes(memory)}`;
  const bounded = (word: string, bound: c.Constant) =>
    because(name, formatBytes(value), bound, `${sum}, at ${word} ${formatBytes(bound.value as Bytes)}`);
  if (part < min.value) return bounded("least", min);
  return part > max.value ? bounded("most", max) : because(name, formatBytes(value), share, sum);
}

/** Inputs of {@link sizeTerm}: the stack's size, the volume's room, the cache's part of it, and the limit by RAM. */
export type SizeReasons = {
  declared: Bytes | undefined;
  room: DiskRoom;
  part: c.Constant;
  ram: string | null;
};

/** A cache's size: from the stack, by RAM, as applied before, or by the disk. */
export function sizeTerm(name: string, size: Bytes, { declared, room, part, ram }: SizeReasons): Term {
  const percent = `${c.DISK_SHARE.value * 100} % ${c.DISK_SHARE.reason}`;
  const disk = room.shared ? `${part.value * 8}/8 of ${percent}; ${part.reason}` : percent;
  const stable =
    room.share !== room.fresh && ram === null
      ? `as applied before; computed again it would be ${formatBytes(room.fresh)}: ${c.KEEP_FACTOR.reason}`
      : null;
  const reason =
    declared === undefined
      ? (ram ?? stable ?? disk)
      : `set by the stack; at most ${formatBytes(room.bound)} fit`;
  return term(name, formatBytes(size), reason, c.DISK_SHARE.source);
}
