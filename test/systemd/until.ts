/** Waiting for a state, never for a time. */
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 50;
/** Far beyond what anything here takes; reached only when it never comes. */
const BOUND_SECONDS = 60;

/** Asks again until `ready` says yes; after the bound an error that names `what` and quotes `evidence`. */
export async function until(
  what: string,
  ready: () => boolean | Promise<boolean>,
  evidence: () => string | Promise<string> = () => "",
): Promise<void> {
  const end = Date.now() + BOUND_SECONDS * 1000;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`${what}: not there after ${BOUND_SECONDS} s\n${await evidence()}`);
    await sleep(PAUSE_MS);
  }
}
