import { program } from "../lib/program.ts";

/** What `warmbox-run` needs to know of its host. */
export interface WarmboxRun {
  /** Absolute path of the file with the plan's environment; left out where the host has none. */
  readonly envPath?: string | undefined;
  /** Builds that may run at once: `agents.active`. */
  readonly active: number;
  /** Absolute directory of the queue. One place for all sessions: XDG_RUNTIME_DIR differs between login and cron. */
  readonly stateDir: string;
  /** Directories put before PATH: our fronts (`moon`). */
  readonly wrapperDirs: readonly string[];
  /** Directories put after PATH, for cron's and ssh's short one: where cargo and the tools are. */
  readonly toolDirs: readonly string[];
}

/** How often a waiting command looks whether it is its turn. */
export const QUEUE_TICK_SECONDS = 1;
/** How long a ticket may take to get; past it the queue is broken and the command runs. */
export const TICKET_LIMIT_SECONDS = 10;

/**
 * The script `warmbox-run [--] COMMAND…`: the plan's environment, and at most `active` commands at once, first come
 * first served.
 *
 * A ticket is a file with a number one above every living one; the first `active` tickets whose process lives may run.
 * The command replaces the script (exec), so its pid is the ticket's: exit code, signals, terminal and job control are
 * its own, and a killed holder frees its place by being dead. What breaks in the queue is said in one line, and the
 * command runs.
 *
 * Where several users share the queue, its directory is sticky: each makes and removes only files of its own, and all
 * only read the lock, which is there before the first of them comes.
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
