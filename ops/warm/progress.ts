import type { Progress } from "../../tools/progress.ts";
import type { Gathered, WarmEvent } from "./events.ts";

/** Shows an event of one workspace. Steps are lines that stay; their output is not. */
export function showEvent(progress: Progress, event: WarmEvent, gathered: Gathered): void {
  if (event.kind === "step") {
    progress.line(`${event.step} of ${gathered.total}: ${gathered.command(event.step)}`);
    progress.detail(gathered.command(event.step));
  }
  if (event.kind === "ended") progress.line(`${event.step} of ${gathered.total}: ${ending(event)}`);
  if (event.kind === "out" && event.text.trim() !== "") progress.detail(event.text.trim());
  if (event.kind === "beat") progress.detail(`${gathered.command(event.step)} runs for ${event.seconds} s`);
}

const ending = ({ seconds, code }: Extract<WarmEvent, { kind: "ended" }>): string =>
  code === 0 ? `done in ${seconds} s` : `failed with exit code ${code} after ${seconds} s`;
