import type { Gathered, WarmEvent } from "./events.ts";

/** Where progress is shown: a terminal gets one line that is rewritten, anything else a line now and then. */
export type Screen = {
  write: (text: string) => unknown;
  terminal: boolean;
  columns: number;
  now: () => number;
};

const LOG_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 200;

/** Shows what a workspace is at. Never more than a line at a time, so that parallel ones do not mix. */
export class Progress {
  private shown = Number.NEGATIVE_INFINITY;
  private readonly name: string;
  private readonly screen: Screen;

  constructor(name: string, screen: Screen) {
    this.name = name;
    this.screen = screen;
  }

  take(event: WarmEvent, gathered: Gathered): void {
    if (event.kind === "step")
      this.line(`${event.step} of ${gathered.total}: ${gathered.command(event.step)}`);
    if (event.kind === "ended") this.line(`${event.step} of ${gathered.total}: ${ending(event)}`);
    if (event.kind === "out" && event.text.trim() !== "") this.tick(event.text.trim());
    if (event.kind === "beat") this.tick(`${gathered.command(event.step)}: ${event.seconds} s so far`);
  }

  /** A line that stays. */
  line(text: string): void {
    this.screen.write(`${this.screen.terminal ? "\r\x1b[K" : ""}${this.name}: ${text}\n`);
    this.shown = this.screen.now();
  }

  private tick(text: string): void {
    const { terminal, now, columns, write } = this.screen;
    if (now() - this.shown < (terminal ? REDRAW_EVERY_MS : LOG_EVERY_MS)) return;
    this.shown = now();
    const line = `${this.name}:   ${text}`.slice(0, Math.max(20, columns - 1));
    write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
  }
}

const ending = ({ seconds, code }: Extract<WarmEvent, { kind: "ended" }>): string =>
  code === 0 ? `done in ${seconds} s` : `failed with exit code ${code} after ${seconds} s`;
