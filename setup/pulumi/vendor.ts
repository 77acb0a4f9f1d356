/** Pulumi's own releases: asked for first, and not again for some hours after they could not be reached. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { warmboxCache } from "../../tools/cache.ts";
import { answers } from "../../tools/download.ts";

/** Where Pulumi's installers take the CLI and plugins from. */
export const RELEASE_HOST = "https://get.pulumi.com";
/** Where the checksums of a CLI release are published: another host than the archive's. */
export const CHECKSUM_HOST = "https://github.com";
/** How long a host that could not be reached is left alone, in milliseconds: six hours. */
const REMEMBER_MS = 6 * 60 * 60 * 1000;

const memory = (): string => join(warmboxCache(), "engine", "unreachable.json");

function remembered(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(memory(), "utf8"));
  } catch {
    return {};
  }
}

/** True when the host is worth asking: not switched off by WARMBOX_OFFLINE, not unreachable of late. */
export function worthAsking(host: string, now = Date.now()): boolean {
  if (process.env.WARMBOX_OFFLINE) return false;
  return now - (remembered()[host] ?? 0) > REMEMBER_MS;
}

/** Notes that the host could not be reached. */
export function rememberUnreachable(host: string, now = Date.now()): void {
  const staged = `${memory()}.${process.pid}`;
  mkdirSync(dirname(staged), { recursive: true });
  writeFileSync(staged, `${JSON.stringify({ ...remembered(), [host]: now })}\n`);
  renameSync(staged, memory());
}

/** Asks once, through the user's proxy if there is one, whether a host answers within five seconds; the answer "no" is remembered. */
export async function reachable(host: string): Promise<boolean> {
  if (!worthAsking(host)) return false;
  if (await answers(host)) return true;
  rememberUnreachable(host);
  return false;
}
