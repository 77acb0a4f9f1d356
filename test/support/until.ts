/** Waiting for a state, never for a time. */
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 50;
/** Far beyond what any state here takes on a busy machine; reached only when it never comes. */
const LIMIT_SECONDS = 120;

/** Asks again until `ready` holds; after the limit an error that names `state` and quotes `evidence`. */
export async function until(
  state: string,
  ready: () => boolean | Promise<boolean>,
  evidence: () => string | Promise<string> = () => "",
): Promise<void> {
  const end = performance.now() + LIMIT_SECONDS * 1000;
  while (!(await ready())) {
    if (performance.now() > end)
      throw new Error(`${state}: not reached in ${LIMIT_SECONDS} s\n${await evidence()}`);
    await sleep(PAUSE_MS);
  }
}
