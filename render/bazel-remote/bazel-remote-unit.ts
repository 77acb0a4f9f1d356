import type { CachePlan } from "../../plan/cache-plan.ts";
import { systemdBytes } from "../../stacks/bytes.ts";
import { CACHE_ROOT } from "../../stacks/schema/host.ts";
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

/** What the unit of bazel-remote is made from besides the plan. Paths are absolute, on the host. */
export type BazelRemoteUnitInput = {
  toolPath: string;
  configPath: string;
  scope: UnitScope;
  /** See `bazelRemoteEnvironment`. */
  environment: Record<string, string>;
  /** Value of LoadCredential, where the service reads a secret file of root's; see `unitCredentials`. */
  credentials?: string | undefined;
};

/** Variables of Go's runtime that change its behaviour; those that the plan sets are in the unit. */
const GO_ENVIRONMENT = ["GODEBUG", "GOMAXPROCS", "GOTRACEBACK"];

/** Exit code of flock when another bazel-remote has the directory: EX_TEMPFAIL. */
const LOCKED = "75";

/**
 * A stop waits for calls in flight, without a limit of bazel-remote's own. Killed after this: whole uploads are safe, and
 * a partial one heals in storage_mode zstd. During the index scan a stop is only heard at its end; a kill harms nothing.
 */
export const STOP_SECONDS = 120;

/** Before a machine out of memory ends the cache and its long scan, it shall end a compiler. */
const OOM_SCORE = -300;

/**
 * The unit of bazel-remote. `systemd-analyze security` 252 says: system scope 1.2 OK, user scope 6.5 MEDIUM. In user
 * scope PrivateUsers would open the way to ProtectSystem, PrivateTmp and the like (about 4 then); but where a host lets
 * no user make user namespaces, as Ubuntu since 23.10, such a unit does not start at all, and no cache is worse.
 *
 * - Type=exec: active says only that the program runs. It listens when its index is built, minutes later on a full
 *   cache, so no TimeoutStartSec bounds that; it is ready when it holds both ports, HTTP's and gRPC's, and answers HTTP.
 * - The directory is locked: two processes on one directory start without an error and corrupt each other's accounting.
 * - System scope: its own user, made by systemd (DynamicUser), who owns the cache below /var/cache.
 *   ProcSubset stays open: `/metrics` takes the process's start time from /proc/stat.
 *
 * @throws Error in system scope, for a directory that is not below /var/cache
 * @see https://github.com/buchgr/bazel-remote/blob/master/examples/bazel-remote.service
 */
export function bazelRemoteUnit(plan: Pick<CachePlan, "bazelRemote">, input: BazelRemoteUnitInput): string {
  const { scope } = input;
  const { dir } = plan.bazelRemote;
  return unitText("bazel-remote, the remote cache behind moon.", {
    Unit: {
      Description: "bazel-remote, a remote build cache",
      Documentation: "https://github.com/buchgr/bazel-remote",
      ...systemOrder(scope, unitWord(dir)),
      ...START_LIMIT,
    },
    Service: {
      Type: "exec",
      ...run(dir, input),
      Restart: "on-failure",
      RestartSec: RESTART_SECONDS,
      TimeoutStopSec: STOP_SECONDS,
      LimitNOFILE: plan.bazelRemote.LimitNOFILE,
      TasksMax: "infinity", // one thread per file that is written, up to 5000
      MemoryHigh: systemdBytes(plan.bazelRemote.MemoryHigh), // and no MemoryMax: the plan's heap limit holds it
      UMask: "0027",
      ...(scope === "system" ? systemHardening(dir) : userHardening()),
    },
    Install: { WantedBy: wantedBy(scope) },
  });
}

function run(
  dir: string,
  { toolPath, configPath, environment, credentials }: BazelRemoteUnitInput,
): Record<string, UnitValue> {
  const lock = ["/usr/bin/flock", "--no-fork", "--nonblock", "--conflict-exit-code", LOCKED, dir];
  return {
    ExecStart: execLine([...lock, toolPath, "--config_file", configPath]),
    SyslogIdentifier: "bazel-remote",
    LoadCredential: credentials,
    Environment: environmentLines(environment),
    UnsetEnvironment: unsetEnvironment([...GO_ENVIRONMENT, ...CLOUD_ENVIRONMENT], environment),
  };
}

/** Sockets it may open: its listeners, stores behind it, and the resolver's. */
const FAMILIES = "AF_UNIX AF_INET AF_INET6";

function userHardening(): Record<string, UnitValue> {
  return {
    ...HARDENED,
    MemoryDenyWriteExecute: "yes",
    RestrictAddressFamilies: FAMILIES,
    SystemCallFilter: ["@system-service", "~@privileged"],
    SystemCallErrorNumber: "EPERM",
  };
}

function systemHardening(dir: string): Record<string, UnitValue> {
  return {
    OOMScoreAdjust: OOM_SCORE,
    DynamicUser: "yes", // implies ProtectSystem=strict, PrivateTmp, RemoveIPC
    User: "bazel-remote",
    CacheDirectory: cacheDirectory(dir),
    CacheDirectoryMode: "0750",
    ProtectSystem: "strict",
    ProtectHome: "yes",
    PrivateTmp: "yes",
    PrivateDevices: "yes",
    PrivateUsers: "yes",
    ProtectClock: "yes",
    ProtectControlGroups: "yes",
    ProtectHostname: "yes",
    ProtectKernelLogs: "yes",
    ProtectKernelModules: "yes",
    ProtectKernelTunables: "yes",
    ProtectProc: "invisible",
    CapabilityBoundingSet: "",
    AmbientCapabilities: "",
    ...userHardening(),
  };
}

function cacheDirectory(dir: string): string {
  const below = belowCacheRoot(dir);
  if (below !== undefined) return below;
  throw new Error(
    `bazel-remote.dir: ${dir}: with scope: system bazel-remote has its own user, whose cache systemd keeps below ` +
      `${CACHE_ROOT}; write ${CACHE_ROOT}bazel-remote (a larger volume can be mounted there), or scope: user`,
  );
}
