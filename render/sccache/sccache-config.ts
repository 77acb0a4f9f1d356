import type { CachePlan } from "../../plan/cache-plan.ts";
import { awsHost, inChina, type Store } from "../../plan/store.ts";
import { sccacheSize } from "../../stacks/bytes.ts";
import type { SccacheConfig } from "../../stacks/types.ts";
import { merged, type Table, toml } from "../lib/toml.ts";

/** How long a client waits for a server that starts. sccache's 10 s is short for a loaded box; there is no variable for it. */
const STARTUP_TIMEOUT_MS = 20_000;

/**
 * sccache's own file. Sizes are set here and never in SCCACHE_CACHE_SIZE: a variable replaces the whole `[cache.disk]`.
 * @see https://github.com/mozilla/sccache/blob/main/docs/Configuration.md
 */
export function sccacheConfig(
  plan: Pick<CachePlan, "sccache">,
  sccache: Pick<SccacheConfig, "settings">,
  store: Store,
): string {
  const base: Table = { server_startup_timeout_ms: STARTUP_TIMEOUT_MS, cache: cacheTable(plan, store) };
  return `# Written by warmbox; \`pulumi up\` writes it again. More keys: sccache.settings of the stack.\n${toml(
    merged(base, sccache.settings),
    reasons(plan),
  )}`;
}

function reasons(plan: Pick<CachePlan, "sccache">): Record<string, string> {
  return {
    "cache.disk.size": `${plan.sccache.max_size / 1024 ** 3} GiB in bytes: this key takes no fractions and no GiB`,
    "cache.s3.no_credentials": "a required key; the credentials come from the server's environment",
    "cache.multilevel.write_error_policy":
      "a store that is down must not fail a build that the disk can serve",
  };
}

function cacheTable(plan: Pick<CachePlan, "sccache">, store: Store): Table {
  const disk = { dir: plan.sccache.dir, size: Number(sccacheSize(plan.sccache.max_size)) };
  switch (store.kind) {
    case "none":
      return { disk };
    case "s3":
      return { multilevel: chain("s3"), disk, s3: s3Table(store) };
    case "gcs":
      return { multilevel: chain("gcs"), disk, gcs: gcsTable(store) };
    default:
      return store satisfies never;
  }
}

/** Without a chain sccache takes the remote store alone and ignores the disk. */
function chain(remote: "s3" | "gcs"): Table {
  return { chain: ["disk", remote], write_error_policy: "l0" };
}

function s3Table(store: Extract<Store, { kind: "s3" }>): Table {
  return {
    bucket: store.bucket,
    region: store.region,
    ...addressKeys(store),
    key_prefix: `${store.prefix}/sccache`,
    no_credentials: false,
  };
}

/** Left out for AWS, but for China's regions: sccache makes no other host name by itself than the usual one. */
function addressKeys({ url, region, pathStyle }: Extract<Store, { kind: "s3" }>): Table {
  if (url !== undefined)
    return { endpoint: url, use_ssl: url.startsWith("https:"), enable_virtual_host_style: !pathStyle };
  return inChina(region) ? { endpoint: `https://${awsHost(region)}`, use_ssl: true } : {};
}

function gcsTable(store: Extract<Store, { kind: "gcs" }>): Table {
  return {
    bucket: store.bucket,
    key_prefix: `${store.prefix}/sccache`,
    rw_mode: "READ_WRITE",
    ...(store.credentials.kind === "file" ? { cred_path: store.credentials.path } : {}),
  };
}
