import type { z } from "zod";
import { mib } from "../bytes.ts";
import { boolean, directory, doc, environment, object, port, settings, size } from "./fields.ts";

/** Less than this does not hold the output of one larger crate, so that every insert evicts what it follows. */
const MIN_SIZE = mib(64);

const LINK = "https://github.com/mozilla/sccache/blob/main/docs/Configuration.md";
const S3 = "declare warmbox:s3; its keys are secrets of the stack";

/** Keys of sccache's file that are free; every other one is set by warmbox or would stop sccache (it refuses unknown keys). */
const FREE = [
  /^server_startup_timeout_ms$/,
  /^basedirs$/,
  /^client_side_mode$/,
  /^dist(\..*)?$/,
  /^cache$/,
  /^cache\.disk$/,
  /^cache\.disk\.rw_mode$/,
  /^cache\.disk\.preprocessor_cache_mode(\..*)?$/,
  /^cache\.multilevel$/,
  /^cache\.multilevel\.write_error_policy$/,
  /^cache\.s3$/,
  /^cache\.s3\.(rw_mode|server_side_encryption(_aws_kms|_kms_key_id)?)$/,
  /^cache\.gcs$/,
  /^cache\.gcs\.rw_mode$/,
];

function refusedSetting(path: string): string | undefined {
  if (FREE.some((free) => free.test(path))) return undefined;
  if (path === "cache.disk.size") return "write sccache.max_size";
  if (path === "cache.disk.dir") return "write sccache.dir";
  if (/^(server_)?port$/.test(path)) return "write sccache.port (sccache has no such key in its file)";
  if (/^cache\.s3\.(key|secret|access_key|secret_key|access_key_id|secret_access_key)$/.test(path))
    return "sccache has no such key and would fail every compile; run `pulumi config set --secret s3AccessKeyId` and `... s3SecretAccessKey`";
  if (/^cache\.s3\./.test(path)) return S3;
  if (/^cache\.gcs\./.test(path)) return "declare warmbox:gcs";
  if (path === "cache.multilevel.chain")
    return "declare warmbox:s3 or warmbox:gcs; the chain follows from it";
  if (/^cache\.[^.]+$/.test(path)) return "remove it: another store would take the place of the disk cache";
  return /\..*\./.test(path) && /^cache\.(redis|memcached|gha|webdav|azure|oss|cos)\./.test(path)
    ? undefined // its table is reported already
    : "remove it: sccache refuses keys it does not know, and every compile would fail";
}

const SECRET_NEXT = "remove it: sccache takes it from this file alone, and the file cannot be kept secret";

const ENV: [RegExp, string][] = [
  [
    /^SCCACHE_CACHE_SIZE$/,
    "write sccache.max_size (this variable replaces the whole [cache.disk] table, and `30GiB` in it silently means 10 GiB)",
  ],
  [/^SCCACHE_DIR$/, "write sccache.dir"],
  [/^SCCACHE_SERVER_PORT$/, "write sccache.port"],
  [/^SCCACHE_LOCAL_RW_MODE$/, "write sccache.settings: {cache: {disk: {rw_mode: …}}}"],
  [/^SCCACHE_BASEDIRS$/, "write sccache.settings: {basedirs: […]}"],
  [/^SCCACHE_CLIENT_SIDE$/, "write sccache.settings: {client_side_mode: true}"],
  [
    /^SCCACHE_STARTUP_TIMEOUT$/,
    "there is no such variable; write sccache.settings: {server_startup_timeout_ms: …}",
  ],
  [
    /^SCCACHE_(CONF|CACHED_CONF|SERVER_UDS|IDLE_TIMEOUT|NO_DAEMON|START_SERVER)$/,
    "remove it: it belongs to the service",
  ],
  [/^SCCACHE_(BUCKET|ENDPOINT|REGION|S3_.*)$|^AWS_/, S3],
  [/^SCCACHE_GCS_/, "declare warmbox:gcs"],
  [
    /^SCCACHE_(REDIS|MEMCACHED|WEBDAV|AZURE|OSS|COS|GHA)/,
    "remove it: another store would take the place of the disk cache",
  ],
];

/** Tier 1: what may be said about sccache. */
export const sccacheSchema = object({
  enabled: doc(boolean().default(true), {
    description: "Tier 1: cargo calls rustc through sccache, one server per host and user.",
  }),
  dir: doc(directory().exactOptional(), {
    description: "Where compiled crates are kept.",
    computed: "`.cache/sccache` below the home directory, `/var/cache/sccache` in scope system",
    link: LINK,
  }),
  max_size: doc(size({ min: MIN_SIZE }).exactOptional(), {
    description: "Cap of the disk cache; the oldest entries go when it is reached.",
    unit: "size",
    computed: "the plan's share of the disk",
    link: LINK,
  }),
  port: doc(port().default(4226), {
    description: "TCP port of the server on 127.0.0.1. Two users of one machine need two.",
    unit: "TCP port",
    link: LINK,
  }),
  settings: doc(settings(refusedSetting, SECRET_NEXT).prefault({}), {
    description:
      "More keys of sccache's own file, in its spelling, merged last: `client_side_mode`, `basedirs`, `cache.disk.rw_mode` …",
    link: LINK,
  }),
  env: doc(environment((name) => ENV.find(([pattern]) => pattern.test(name))?.[1]).prefault({}), {
    description: "Environment of the sccache server, such as `SCCACHE_LOG`.",
    link: LINK,
  }),
});

/** @see sccacheSchema */
export type SccacheConfig = z.output<typeof sccacheSchema>;
