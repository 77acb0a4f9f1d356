import { program } from "../lib/program.ts";

/** Values of `warmbox-run`. */
export interface WarmboxRun {
  /** Absolute path of the file with the plan's environment; left out where the host has none. */
  readonly envPath?: string | undefined;
  /** Builds that may run at once: `agents.active`. */
  readonly active: number;
  /** Absolute directory of the queue. One place for all sessions: XDG_RUNTIME_DIR differs between login and cron. */
  readonly stateDir: string;
  /** Directories put before PATH: those of the wrappers (`moon`). */
  readonly wrapperDirs: readonly string[];
  /** Directories put after PATH, for cron's and ssh's short one: where cargo and the tools are. */
  readonly toolDirs: readonly string[];
}

/** Interval at which a waiting command checks for its turn. */
export const QUEUE_TICK_SECONDS = 1;
/** Limit on getting a ticket; after it the queue counts as broken and the command runs. */
export const TICKET_LIMIT_SECONDS = 10;

/**
 * The script `warmbox-run [--] COMMAND…`: the plan's environment, and at most `active` commands at once, first come
 * first served.
 *
 * A ticket is a file with a number one above every valid one; the first `active` tickets whose process runs may build.
 * The command replaces the script (exec), so its pid is the ticket's: exit code, signals, terminal and job control are
 * unchanged, and a killed holder frees its place. A problem of the queue is one line on stderr, and the command runs.
 *
 * Where several users share the queue, its directory is sticky: each creates and removes only that user's
 * files, and all only read the lock, which exists before the first of them.
 */
export function warmboxRun(options: WarmboxRun): string {
  return program("warmbox-run", {
    active: options.active,
    queue: options.stateDir,
    environment_file: options.envPath ?? "",
    path_before: options.wrapperDirs.map((dir) => `${dir}:`).join(""),
    path_after: options.toolDirs.map((dir) => `:${dir}`).join(""),
    tick_seconds: QUEUE_TICK_SECONDS,
    ticket_limit: TICKET_LIMIT_SECONDS,
  });
}
