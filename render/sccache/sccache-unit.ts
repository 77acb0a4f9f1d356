import type { CachePlan } from "../../plan/cache-plan.ts";
import { bytes, systemdBytes } from "../../stacks/bytes.ts";
import { OVERRIDING_ENVIRONMENT } from "../cargo/rustc-wrapper.ts";
import {
  environmentLines,
  execLine,
  type UnitValue,
  unitText,
  unitWord,
  unsetEnvironment,
} from "../systemd/unit.ts";
import {
  belowCacheRoot,
  CLOUD_ENVIRONMENT,
  HARDENED,
  RESTART_SECONDS,
  START_LIMIT,
  systemOrder,
  type UnitScope,
  wantedBy,
} from "../systemd/unit-shared.ts";

/** What the unit of the sccache server is made from besides the plan. Paths are absolute, on the host. */
export type SccacheUnitInput = {
  /** The file's name must be `sccache`. */
  toolPath: string;
  configPath: string;
  scope: UnitScope;
  /** Whose builds it serves; only system scope names it. */
  user: string;
  /** See `sccacheEnvironment`; here also what that adds to the few that every server needs. */
  environment: Record<string, string>;
  /** Value of LoadCredential, where the service reads a secret file of root's; see `unitCredentials`. */
  credentials?: string | undefined;
};

/** The part of the plan that the unit shows. */
type SccacheUnitPlan = Pick<CachePlan, "sccache" | "builders" | "cores">;

/** Each compile in flight holds its sources and libraries open; hundreds of compiles fit. */
const OPEN_FILES = 65536;

/** A server that is asked to stop answers at once, or hangs. */
const ASK_SECONDS = 5;
/** After its answer it lets compiles in flight end, for ten seconds at the most. Killed after this. */
const DRAIN_SECONDS = 12;

const PERCENT_OF_ONE_CORE = 100;

/** System calls that neither rustc nor a procedural macro has a use for. Denied, not deadly: a macro may try and go on. */
const NEVER_CALLED = "~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap";

/**
 * The unit of the sccache server. It runs rustc itself and writes the outputs of builds, so it must see the files as
 * the builds do: nothing here makes a mount namespace (PrivateTmp, ProtectHome, ProtectSystem, Protect*…), and what
 * procedural macros may do stays allowed. `systemd-analyze security` 252 says: system scope 4.0 OK, user scope
 * 7.0 MEDIUM.
 *
 * - The server starts by two variables and no argument; the same variable must be away for every other command.
 * - A client that finds no server starts its own, with that client's environment. ExecStartPre ends such a server,
 *   so that after a crash the unit gets its port back.
 * - Memory and CPU are those of the plan's builders too, for their rustc run in this unit. sccache takes the number of
 *   compilers at once from the CPU quota.
 * - One compiler that runs out of memory is not the end of the server (OOMPolicy).
 *
 * @throws Error in system scope for user root: any local account can make the server run a program as its user
 * @see https://github.com/mozilla/sccache/blob/main/docs/Architecture.md
 */
export function sccacheUnit(plan: SccacheUnitPlan, input: SccacheUnitInput): string {
  const { scope } = input;
  return unitText("the sccache server, which compiles and caches for cargo's rustc-wrapper.", {
    Unit: {
      Description: "sccache, a cache of compiled crates",
      Documentation: "https://github.com/mozilla/sccache",
      ...systemOrder(scope, unitWord(plan.sccache.dir)),
      ...START_LIMIT,
    },
    Service: {
      Type: "exec",
      User: scope === "system" ? buildsAs(input.user) : undefined,
      ...run(plan, input),
      CacheDirectory: scope === "system" ? belowCacheRoot(plan.sccache.dir) : undefined,
      Restart: "on-failure",
      RestartSec: RESTART_SECONDS,
      TimeoutStopSec: DRAIN_SECONDS,
      KillMode: "mixed", // the result of a compiler is lost once its server has died
      KillSignal: "SIGCONT", // after ExecStop: wait for the drain; SIGTERM would cut it short
      OOMPolicy: "continue",
      LimitNOFILE: OPEN_FILES,
      TasksMax: "infinity",
      MemoryHigh: systemdBytes(bytes(plan.sccache.memory + plan.builders.memory)),
      CPUQuota: `${compilersAtOnce(plan) * PERCENT_OF_ONE_CORE}%`,
      UMask: "0022", // outputs of builds get the mode that rustc would give them
      ...HARDENED,
      SystemCallFilter: NEVER_CALLED,
      SystemCallErrorNumber: "EPERM",
      ...(scope === "system"
        ? { CapabilityBoundingSet: "", AmbientCapabilities: "", ProtectHostname: "yes" }
        : {}),
    },
    Install: { WantedBy: wantedBy(scope) },
  });
}

function buildsAs(user: string): string {
  if (user !== "root") return unitWord(user);
  throw new Error("sccache: user root: any account of the machine could run programs as root through it");
}

/** As many as the plan's builders run, and no more than there are cores. */
function compilersAtOnce({ builders, cores }: SccacheUnitPlan): number {
  return Math.max(1, Math.min(cores, builders.active * builders.maxTasks * builders.jobs));
}

function run(
  plan: SccacheUnitPlan,
  { toolPath, configPath, environment, credentials }: SccacheUnitInput,
): Record<string, UnitValue> {
  const variables = {
    SCCACHE_CONF: configPath,
    SCCACHE_SERVER_PORT: String(plan.sccache.port),
    SCCACHE_IDLE_TIMEOUT: "0",
    ...environment,
    SCCACHE_START_SERVER: "1",
    SCCACHE_NO_DAEMON: "1",
  };
  const ask = `exec timeout ${ASK_SECONDS} env -u SCCACHE_START_SERVER "$0" --stop-server >/dev/null 2>&1`;
  const stop = `-${execLine(["/bin/sh", "-c", ask, toolPath])}`; // `-`: no server is no fault
  return {
    ExecStartPre: stop,
    ExecStart: execLine([toolPath]),
    ExecStop: stop,
    SyslogIdentifier: "sccache",
    LoadCredential: credentials,
    Environment: environmentLines(variables),
    UnsetEnvironment: unsetEnvironment([...OVERRIDING_ENVIRONMENT, ...CLOUD_ENVIRONMENT], variables),
  };
}
