import { program } from "../lib/program.ts";

/** Values of the sccache that cargo's `rustc-wrapper` runs. */
export interface RustcWrapper {
  /** Absolute path of the binary; its file name must be `sccache`: under another name it acts as a compiler. */
  readonly sccachePath: string;
  /** Absolute path of sccache's own configuration file; the only place of sizes and backends. */
  readonly confPath: string;
  /** TCP port of the server on 127.0.0.1; sccache has no file key for it. */
  readonly port: number;
  /** Seconds until a server must listen after a client's start of it. Default {@link START_LIMIT_SECONDS}. */
  readonly startLimitSeconds?: number;
  /** Seconds that a client may wait while the server compiles nothing. Default {@link STORE_LIMIT_SECONDS}. */
  readonly storeLimitSeconds?: number;
}

/** Longer than sccache's own limit (10 s, `server_startup_timeout_ms`), which is the one that normally ends a hung start. */
export const START_LIMIT_SECONDS = 30;
/** Interval of a build's guard. Short enough to end with its build, long enough to cost nothing. */
export const GUARD_TICK_SECONDS = 3;
/** A server that leaves `--show-stats` unanswered this long hangs: on a loaded box the answer takes milliseconds. */
export const ANSWER_LIMIT_SECONDS = 10;
/**
 * A server that compiles nothing for so long while a client waits is itself waiting for its store: sccache 0.19 waits 60 s
 * for each read of an S3 that takes connections and never answers. An object of a slow store takes a few seconds.
 */
export const STORE_LIMIT_SECONDS = 30;
/** After a failure of sccache, the build runs without it for this long. */
export const BYPASS_SECONDS = 60;

/**
 * Variables that replace a whole table of the configuration file (sccache: the environment wins per table, not per
 * key), send the client to another server, or give it another role.
 * Left to the caller: SCCACHE_RECACHE, SCCACHE_NO_CACHE, SCCACHE_CLIENT_SIDE, SCCACHE_LOG, SCCACHE_ERROR_LOG, credentials.
 */
export const OVERRIDING_ENVIRONMENT: readonly string[] = [
  ...["CACHE_SIZE", "DIR", "DIRECT", "LOCAL_RW_MODE", "BASEDIRS", "CACHED_CONF"],
  ...["SERVER_UDS", "START_SERVER", "STARTUP_NOTIFY", "NO_DAEMON"],
  ...["MULTILEVEL_CHAIN", "MULTILEVEL_WRITE_ERROR_POLICY"],
  ...["BUCKET", "ENDPOINT", "REGION", "S3_KEY_PREFIX", "S3_NO_CREDENTIALS", "S3_RW_MODE", "S3_USE_SSL"],
  ...["S3_ENABLE_VIRTUAL_HOST_STYLE", "S3_SERVER_SIDE_ENCRYPTION"],
  ...["S3_SERVER_SIDE_ENCRYPTION_AWS_KMS", "S3_SERVER_SIDE_ENCRYPTION_KMS_KEY_ID"],
  ...["GCS_BUCKET", "GCS_CREDENTIALS_URL", "GCS_KEY_PATH", "GCS_KEY_PREFIX", "GCS_OAUTH_URL", "GCS_RW_MODE"],
  ...["GCS_SERVICE_ACCOUNT", "GHA_ENABLED", "GHA_RW_MODE", "GHA_VERSION"],
  ...[
    "AZURE_BLOB_CONTAINER",
    "AZURE_CONNECTION_STRING",
    "AZURE_ENDPOINT",
    "AZURE_KEY_PREFIX",
    "AZURE_RW_MODE",
  ],
  ...["MEMCACHED", "MEMCACHED_ENDPOINT", "REDIS", "REDIS_ENDPOINT", "REDIS_CLUSTER_ENDPOINTS"],
  ...["WEBDAV_ENDPOINT", "OSS_BUCKET", "OSS_ENDPOINT", "COS_BUCKET", "COS_ENDPOINT"],
].map((name) => `SCCACHE_${name}`);

/**
 * The script that cargo runs as `build.rustc-wrapper`: sccache in front of rustc, and rustc alone when sccache itself
 * fails, so that no build fails because of the cache. The good path forks nothing but sccache.
 *
 * - rustc's own exit codes, output and diagnostics pass through. If a signal ended rustc, sccache exits with
 *   its own failure codes (2, 254): such a rustc runs once more without sccache, and cargo then sees the signal itself.
 * - Hung servers: the first call of each build starts one small process, the build's guard, which ends with the build.
 *   When a client waits and the server does not answer, or answers and compiles nothing (its store hangs), the guard ends
 *   the client (SIGUSR2; sccache catches USR1) and rustc runs instead. A long compile is never cut: its server answers,
 *   and has a compiler below it. Bound: tick + limit, once per bypass window and build.
 * - The guard and the bypass live in one file per build (parent pid and its start time) in XDG_RUNTIME_DIR or /tmp;
 *   where neither can be written, a hung server is not bounded; everything else still holds.
 */
export function rustcWrapper(options: RustcWrapper): string {
  return program("rustc-wrapper", {
    sccache: options.sccachePath,
    SCCACHE_CONF: options.confPath,
    SCCACHE_SERVER_PORT: options.port,
    overriding_variables: lines(OVERRIDING_ENVIRONMENT),
    guard_seconds: GUARD_TICK_SECONDS,
    answer_limit: ANSWER_LIMIT_SECONDS,
    start_limit: options.startLimitSeconds ?? START_LIMIT_SECONDS,
    store_limit: options.storeLimitSeconds ?? STORE_LIMIT_SECONDS,
    bypass_seconds: BYPASS_SECONDS,
  });
}

/** The names in lines of a readable width. */
function lines(names: readonly string[]): string {
  return names.reduce((text, name) => {
    const width = text.length - text.lastIndexOf("\n");
    return `${text}${width + name.length < 100 ? " " : "\n  "}${name}`;
  });
}
