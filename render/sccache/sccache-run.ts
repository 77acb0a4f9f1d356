import type { CachePlan } from "../../plan/cache-plan.ts";
import type { HostPaths } from "../../plan/paths.ts";
import { type Store, storeEnvironment } from "../../plan/store.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { SccacheConfig } from "../../stacks/types.ts";
import { cleanEnv } from "../lib/clean-env.ts";

/** What runs the sccache server. */
export type SccacheRunInput = {
  plan: Pick<CachePlan, "sccache">;
  sccache: Pick<SccacheConfig, "env">;
  store: Store;
  paths: Pick<HostPaths, "home" | "config" | "sccacheConfig">;
  /** Absolute path on the host; the file's name must be `sccache`. */
  toolPath: string;
};

/**
 * Environment of the server, whichever way it is run. sccache has no file key for the port, and would end itself after
 * ten idle minutes.
 */
export function sccacheEnvironment(input: SccacheRunInput): Record<string, string> {
  return {
    SCCACHE_CONF: input.paths.sccacheConfig,
    SCCACHE_SERVER_PORT: String(input.plan.sccache.port),
    SCCACHE_IDLE_TIMEOUT: "0",
    ...storeEnvironment(input.store, input.paths),
    ...input.sccache.env,
  };
}

/**
 * Script that runs the server in the foreground, for the `process` service kind: with these two variables and no argument.
 * A client that found no server has started its own, with that client's environment; that one is ended first, so that
 * the service gets its port back after a crash.
 */
export function sccacheRun(input: SccacheRunInput): string {
  const variables = { ...sccacheEnvironment(input), SCCACHE_START_SERVER: "1", SCCACHE_NO_DAEMON: "1" };
  return `#!/bin/sh
# Written by warmbox: the sccache server in the foreground.
umask 022 # the server writes the outputs of builds: with the mode that rustc would give them
ulimit -n "$(ulimit -H -n)" # every compile in flight holds all its sources open
${ask(input, `SCCACHE_CONF=${shellWord(input.paths.sccacheConfig)}`, OUST_SECONDS, "--stop-server")} >/dev/null 2>&1
exec ${cleanEnv(input.paths.home, variables)} \\
  ${shellWord(input.toolPath)}
`;
}

/** Seconds that a question to the server may take: `--show-stats` of a broken server never ends. */
const ASK_SECONDS = 10;
/** A server that is asked to stop answers at once, or hangs; it then lets running compiles end for ten seconds. */
const OUST_SECONDS = 12;
/** Seconds for a stop: the server itself lets running compiles end for ten. */
const STOP_SECONDS = 15;

/**
 * Command that prints `max_cache_size N` as the running server has it. Where none runs, sccache answers from the
 * settings of whoever asks: so this asks with a size that no server has.
 */
export function sccacheLiveCommand(input: SccacheRunInput): string {
  const asking = "SCCACHE_CONF=/dev/null SCCACHE_DIR=/dev/null SCCACHE_CACHE_SIZE=1";
  return `${ask(input, asking, ASK_SECONDS, "--show-stats --stats-format=json")} | sed -n 's/.*"max_cache_size":\\([0-9][0-9]*\\).*/max_cache_size \\1/p'`;
}

/** Command that ends the server after its running compiles. */
export function sccacheStopCommand(input: SccacheRunInput): string {
  return ask(input, `SCCACHE_CONF=${shellWord(input.paths.sccacheConfig)}`, STOP_SECONDS, "--stop-server");
}

function ask(input: SccacheRunInput, asking: string, seconds: number, args: string): string {
  const { paths, plan, toolPath } = input;
  const environment = `HOME=${shellWord(paths.home)} ${asking} SCCACHE_SERVER_PORT=${plan.sccache.port}`;
  return `env -i ${environment} timeout ${seconds} ${shellWord(toolPath)} ${args}`;
}
