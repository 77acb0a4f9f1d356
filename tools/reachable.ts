/** Which download hosts are worth a request: one that could not be reached is not asked again for some hours. */
import { join } from "node:path";
import { cacheDirectory } from "./base.mjs";
import { answers } from "./download.ts";
import { readJson, writeWhole } from "./files.ts";

/** How long a host that could not be reached is left alone, in milliseconds: six hours. */
const REMEMBER_MS = 6 * 60 * 60 * 1000;

/** Milliseconds since the epoch, by host or other key. */
type Memory = Record<string, number>;

const memoryFile = (): string => join(cacheDirectory(), "unreachable.json");

/** True if the host is worth a request: WARMBOX_OFFLINE is not set, and the last failure is some hours ago. */
export function isWorthAsking(host: string, time: number = Date.now()): boolean {
  if (process.env.WARMBOX_OFFLINE) return false;
  return time - (readJson<Memory>(memoryFile())?.[host] ?? 0) > REMEMBER_MS;
}

/** Why {@link isWorthAsking} says no, for a message. */
export function reasonNotToAsk(): string {
  return process.env.WARMBOX_OFFLINE ? "WARMBOX_OFFLINE is set" : "it could not be reached a short while ago";
}

/** Notes that the host could not be reached. */
export function rememberUnreachable(host: string, time: number = Date.now()): void {
  writeWhole(memoryFile(), `${JSON.stringify({ ...readJson<Memory>(memoryFile()), [host]: time })}\n`);
}

/** Asks once, through the user's proxy if there is one, whether a host answers within five seconds; a failure is noted. */
export async function isReachable(host: string): Promise<boolean> {
  if (!isWorthAsking(host)) return false;
  if (await answers(host)) return true;
  rememberUnreachable(host);
  return false;
}
