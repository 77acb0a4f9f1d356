import { CACHE_ROOT } from "../../stacks/schema/host.ts";
import { execLine, type UnitValue, unitText } from "../systemd/unit.ts";
import {
  belowCacheRoot,
  HARDENED,
  RESTART_SECONDS,
  START_LIMIT,
  systemOrder,
  type UnitScope,
  wantedBy,
} from "../systemd/unit-shared.ts";

/** What the unit of the embedded S3 server is made from. Paths are absolute, on the host. */
export type S3ServerUnitInput = {
  /** The run script, which makes the environment. */
  runPath: string;
  dir: string;
  scope: UnitScope;
  /** Value of LoadCredential; see `unitCredentials`. */
  credentials: string | undefined;
};

/** Connections and objects open at once. */
const OPEN_FILES = 65_536;
/** Seconds until a stop is enforced: requests in flight are finished first. */
export const STOP_SECONDS = 20;

/**
 * The unit of versitygw, in system scope with its own user.
 * @throws Error in system scope, for a directory that is not below /var/cache
 */
export function s3ServerUnit({ runPath, dir, scope, credentials }: S3ServerUnitInput): string {
  return unitText("versitygw, an S3 server for this host alone, behind both caches.", {
    Unit: {
      Description: "versitygw, an S3 server for this host alone",
      Documentation: "https://github.com/versity/versitygw",
      ...systemOrder(scope, dir),
      ...START_LIMIT,
    },
    Service: {
      Type: "exec",
      ExecStart: execLine(["/bin/sh", runPath]),
      SyslogIdentifier: "warmbox-s3",
      LoadCredential: credentials,
      Restart: "on-failure",
      RestartSec: RESTART_SECONDS,
      TimeoutStopSec: STOP_SECONDS,
      LimitNOFILE: OPEN_FILES,
      UMask: "0077",
      ...HARDENED,
      SystemCallFilter: ["@system-service", "~@privileged"],
      SystemCallErrorNumber: "EPERM",
      ...(scope === "system" ? ownUser(dir) : {}),
    },
    Install: { WantedBy: wantedBy(scope) },
  });
}

function ownUser(dir: string): Record<string, UnitValue> {
  const below = belowCacheRoot(dir);
  if (below === undefined)
    throw new Error(
      `s3.dir: ${dir}: with scope: system the S3 server has its own user, whose objects systemd keeps below ` +
        `${CACHE_ROOT}; write ${CACHE_ROOT}warmbox-s3, or scope: user`,
    );
  return {
    DynamicUser: "yes", // implies ProtectSystem=strict, PrivateTmp, RemoveIPC
    User: "warmbox-s3",
    CacheDirectory: below,
    CacheDirectoryMode: "0700",
    ProtectHome: "yes",
    PrivateDevices: "yes",
    ProtectProc: "invisible",
    CapabilityBoundingSet: "",
    AmbientCapabilities: "",
  };
}
