/**
 * Says how far a long step is: on a terminal one line that is rewritten, elsewhere a line now and then.
 * Steps that finish within a few seconds print nothing but their last line. No dependencies, so that
 * anything in the repository may import it.
 */

/** How long a step may run before its first progress line, in milliseconds. */
const QUIET_MS = 2_000;
/** Time between two lines where the output is a log, in milliseconds. */
const LOG_EVERY_MS = 10_000;
/** Time between two redraws of a terminal line, in milliseconds. */
const REDRAW_MS = 100;
/** Width of the drawn bar, in columns. */
const BAR_COLUMNS = 24;

/** What progress is written to: a stream such as process.stderr. */
export type ProgressStream = { write(text: string): unknown; isTTY?: boolean; columns?: number };

/** One running step. */
export type Progress = {
  /** Says how far the step is; `total` 0 means not known yet. `unit` names what is counted, e.g. "crates". */
  count(current: number, total: number, unit: string): void;
  /** Says what the step does now, e.g. the last line of a program's output. */
  detail(text: string): void;
  /** Writes a line that stays. */
  line(text: string): void;
  /** Ends the step with its last line, e.g. "built in 38 s"; without one it only removes its progress. */
  end(text?: string): void;
};

/** Starts a step. `everyMs` is the time between two lines where the stream is no terminal. */
export function startProgress(
  label: string,
  stream: ProgressStream = process.stderr,
  { everyMs = LOG_EVERY_MS, quietMs = QUIET_MS, clock = Date.now }: ProgressTiming = {},
): Progress {
  const began = clock();
  let last = Number.NEGATIVE_INFINITY;
  let state = { current: 0, total: 0, unit: "", detail: "" };
  const erase = stream.isTTY ? "\r\x1b[K" : "";
  const draw = () => {
    const time = clock();
    if (time - began < quietMs || time - last < (stream.isTTY ? REDRAW_MS : everyMs)) return;
    last = time;
    const line = progressLine(label, state, Math.round((time - began) / 1000), stream.isTTY === true);
    stream.write(stream.isTTY ? `${erase}${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`);
  };
  const write = (text: string) => {
    stream.write(`${erase}${label}: ${text}\n`);
    state = { ...state, detail: "" };
    last = clock();
  };
  // A step that says nothing for a while (a download, a link) still shows that time passes.
  const timer = setInterval(draw, stream.isTTY ? 1_000 : Math.min(everyMs, 1_000));
  timer.unref();
  return {
    count(count, total, unit) {
      state = { ...state, current: count, total, unit };
      draw();
    },
    detail(text) {
      state = { ...state, detail: text };
      draw();
    },
    line: write,
    end(text) {
      clearInterval(timer);
      if (text !== undefined) write(text);
      else if (last > Number.NEGATIVE_INFINITY && erase !== "") stream.write(erase);
    },
  };
}

/** Times of one step, for tests: all in milliseconds. */
export type ProgressTiming = { everyMs?: number; quietMs?: number; clock?: () => number };

/** The text of one progress line; pure. */
export function progressLine(
  label: string,
  { current, total, unit, detail = "" }: { current: number; total: number; unit: string; detail?: string },
  seconds: number,
  bar: boolean,
): string {
  const counter = total > 0 ? `${current}/${total} ${unit}` : current > 0 ? `${current} ${unit}` : "";
  const drawn = bar && total > 0 ? `${barText(current / total)} ` : "";
  return `${label}: ${drawn}${[counter, detail, `${seconds} s`].filter(Boolean).join(", ")}`;
}

function barText(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_COLUMNS);
  return `[${"=".repeat(full)}${" ".repeat(BAR_COLUMNS - full)}]`;
}
