import { CACHE_ROOT } from "../../stacks/schema/host.ts";
/** What the units of both daemons have in common. */
import { unitWord } from "./unit.ts";

/** Who runs the unit: systemd as PID 1, or a user's own manager (needs linger to outlive the session). */
export type UnitScope = "user" | "system";

/** The target that starts the unit at boot. */
export const wantedBy = (scope: UnitScope): string =>
  scope === "system" ? "multi-user.target" : "default.target";

/** Keys of `[Unit]` that only the system manager has a use for: a user manager knows neither network nor mounts. */
export const systemOrder = (
  scope: UnitScope,
  directory: string,
): { After?: string; RequiresMountsFor?: string } =>
  scope === "system" ? { After: "network.target", RequiresMountsFor: directory } : {};

/** `dir` as `CacheDirectory` wants it, or undefined where it does not lie below {@link CACHE_ROOT}. */
export const belowCacheRoot = (dir: string): string | undefined =>
  dir.startsWith(CACHE_ROOT) && dir.length > CACHE_ROOT.length
    ? unitWord(dir.slice(CACHE_ROOT.length))
    : undefined;

/**
 * A daemon that dies is started again after {@link RESTART_SECONDS}. One that dies at once every time, as with a broken
 * configuration, is given up after this many starts in that time; one that dies after long work never is.
 */
export const START_LIMIT = { StartLimitIntervalSec: 600, StartLimitBurst: 20 } as const;

/** Short enough that a build hardly notices, long enough for a port to be let go. */
export const RESTART_SECONDS = 2;

/** A cloud's keys and profiles: a user's manager may hold them, and both daemons would take a store from them. */
export const CLOUD_ENVIRONMENT: readonly string[] = [
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"],
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
  ...[
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AZURE_TENANT_ID",
    "GOOGLE_APPLICATION_CREDENTIALS",
  ],
];

/**
 * Hardening that costs neither daemon anything and that a user's manager can do as well: it needs no capability and
 * makes no mount namespace.
 */
export const HARDENED = {
  NoNewPrivileges: "yes",
  LockPersonality: "yes",
  RestrictNamespaces: "yes",
  RestrictRealtime: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
} as const;
