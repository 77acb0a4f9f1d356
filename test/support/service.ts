/** A supervised service of a box (`service: process`), as its pid file names it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 20;

/** Waits until a process has ended; a zombie has. The test's time limit is the bound. */
export async function processEnd(pid: number): Promise<void> {
  while (isRunning(pid)) await sleep(PAUSE_MS);
}

/**
 * Kills a service for good, its supervisor first. Returns when both processes have ended: SIGKILL takes effect later
 * than the call that sends it, and until then the daemon's port is taken.
 */
export async function killService(home: string, name: string): Promise<void> {
  const text = readFileSync(join(home, `.local/state/warmbox/run/${name}.pid`), "utf8");
  const pids = [...text.matchAll(/^(?:supervisor|daemon) (\d+)/gm)].map(([, pid]) => Number(pid));
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await Promise.all(pids.map(processEnd));
}

function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // it ended between the two looks
  }
}
