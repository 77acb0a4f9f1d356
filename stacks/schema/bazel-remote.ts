import { isIP } from "node:net";
import type { z } from "zod";
import { gib, kib } from "../bytes.ts";
import { issueText, nearest } from "../issue.ts";
import { PINNED } from "../versions.ts";
import { boolean, directory, doc, environment, object, oneOf, rule, settings, size, text } from "./fields.ts";

const LINK = "https://github.com/buchgr/bazel-remote#command-line-flags";

/** bazel-remote counts its cap in whole GiB: 1.5 in its file silently means 1. */
const SIZE_STEP = gib(1);

/** Free keys of the pinned bazel-remote's YAML file. It ignores unknown keys without a message, so warmbox checks them. */
const FREE = [
  "max_size_hard_limit",
  "zstd_implementation",
  "http_read_timeout",
  "http_write_timeout",
  "tls_cert_file",
  "tls_key_file",
  "tls_ca_file",
  "min_tls_version",
  "htpasswd_file",
  "allow_unauthenticated_reads",
  "ldap",
  "num_uploaders",
  "max_queued_uploads",
  "max_blob_size",
  "max_proxy_blob_size",
  "grpc_proxy",
  "http_proxy",
  "azblob_proxy",
  "disable_http_ac_validation",
  "disable_grpc_ac_deps_check",
  "enable_ac_key_instance_mangling",
  "enable_endpoint_metrics",
  "endpoint_metrics_duration_buckets",
  "http_metrics_prefix",
  "experimental_remote_asset_api",
  "access_log_level",
  "log_timezone",
];

const OWNED: Record<string, string> = {
  dir: "write bazel-remote.dir",
  max_size: "write bazel-remote.max_size",
  storage_mode: "write bazel-remote.storage_mode",
  http_address: "write bazel-remote.http_address",
  grpc_address: "write bazel-remote.grpc_address",
  host: "write bazel-remote.http_address",
  port: "write bazel-remote.http_address",
  grpc_port: "write bazel-remote.grpc_address",
  profile_address: "remove it: its profiler listens without any authentication",
  profile_host: "remove it: its profiler listens without any authentication",
  profile_port: "remove it: its profiler listens without any authentication",
  idle_timeout: "remove it: bazel-remote would end when idle, and nothing starts it on the next request",
  config_file: "remove it: warmbox writes that file",
  s3_proxy: "declare warmbox:s3",
  gcs_proxy: "declare warmbox:gcs",
};

const SECRET_NEXT =
  "remove it: bazel-remote takes it from this file alone; write htpasswd_file or tls_ca_file for its users, declare warmbox:s3 or warmbox:gcs for a store";

function refusedSetting(path: string): string | undefined {
  if (path.includes(".")) return undefined;
  if (path in OWNED) return OWNED[path];
  if (FREE.includes(path)) return undefined;
  const near = nearest(path, FREE);
  return near
    ? `write ${near}`
    : `remove it: bazel-remote ${PINNED["bazel-remote"]} has no such key and would ignore it without a word`;
}

function refusedVariable(name: string): string | undefined {
  if (name.startsWith("BAZEL_REMOTE_"))
    return "write it below bazel-remote.settings: with a file bazel-remote ignores its variables";
  return name.startsWith("AWS_") ? "declare warmbox:s3; its keys are secrets of the stack" : undefined;
}

/** An address to listen on, taken apart; undefined where it is none. */
export function hostPort(address: string): { host: string; port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:/\s[\]]*):(\d{1,5})$/.exec(address);
  return match ? { host: (match[1] ?? "").replace(/[[\]]/g, ""), port: Number(match[2]) } : undefined;
}

/** True for an address that other machines cannot reach. */
export function isLoopback(host: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === "::1";
}

const ADDRESS = "HOST:PORT with HOST an IP address of the host and PORT from 1024 to 65535";

function address(fallback: string) {
  return text(ADDRESS, `write ${fallback}`).superRefine((value, context) => {
    const next = addressNext(value, fallback);
    if (next !== undefined) context.addIssue({ code: "custom", message: issueText(ADDRESS, next) });
  });
}

/** What to write instead of an address that would not do. */
function addressNext(value: string, fallback: string): string | undefined {
  if (value.startsWith("unix:"))
    return `write ${fallback}: a socket file left by a killed process stops the next start`;
  const target = hostPort(value);
  if (target === undefined || target.port > 65535) return `write ${fallback}`;
  if (isIP(target.host) === 0 && !["localhost", ""].includes(target.host))
    return `write ${fallback}, or the IP address of one of the host's networks`;
  const local = `127.0.0.1:${target.port === 0 ? fallback.split(":")[1] : target.port}`;
  if (target.port === 0) return `write ${local}: port 0 is another port at every start`;
  if (target.port < 1024) return `write ${fallback}: ports below 1024 need root`;
  if (target.host === "localhost")
    return `write ${local}: moon switches its remote cache off for \`localhost\` where no terminal is`;
  if (target.host === "0.0.0.0")
    return `write ${local}: 0.0.0.0 opens the cache to every network, and moon switches its remote cache off for it`;
  if (target.host === "" || target.host === "::")
    return `write ${local}: without an address it listens on every interface`;
  return undefined;
}

function image() {
  const expected = "an image by digest: NAME@sha256: and 64 hexadecimal digits";
  return text(expected).regex(/^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$/, {
    error: issueText(
      expected,
      "run `docker buildx imagetools inspect NAME:TAG` and write NAME@ and its digest",
    ),
  });
}

const fields = object({
  enabled: doc(boolean().default(true), {
    description: "Tier 2: bazel-remote serves moon's remote cache on this host.",
  }),
  dir: doc(directory().exactOptional(), {
    description:
      "Where task outputs are kept. Only bazel-remote may write there: a stray file stops its start.",
    computed: "`.cache/bazel-remote` below the home directory, `/var/cache/bazel-remote` in scope system",
    link: LINK,
  }),
  max_size: doc(size({ min: SIZE_STEP, step: SIZE_STEP }).exactOptional(), {
    description:
      "Cap of the disk cache. Its index lives in RAM, about 1.2 KiB an entry, so RAM bounds it before the disk does.",
    unit: "size, whole GiB",
    computed: "the plan's: a quarter of the RAM as index, at most the disk share",
    link: LINK,
  }),
  image: doc(image().exactOptional(), {
    description:
      "Image of its container with `service: docker`, by digest, for instance from your own mirror.",
    computed: `bazel-remote's own v${PINNED["bazel-remote"]}`,
    link: "https://hub.docker.com/r/buchgr/bazel-remote-cache",
  }),
  storage_mode: doc(oneOf(["zstd", "uncompressed"]).default("zstd"), {
    description:
      "Form of the files on disk. `zstd` also notices files that a crash cut short. All hosts on one bucket need the same.",
    link: LINK,
  }),
  http_address: doc(address("127.0.0.1:9090").default("127.0.0.1:9090"), {
    description:
      "Where `/status` and the metrics are served. Beyond loopback only with `htpasswd_file` or `tls_ca_file` below `settings`.",
    unit: "IP:PORT",
    link: LINK,
  }),
  grpc_address: doc(address("127.0.0.1:9092").default("127.0.0.1:9092"), {
    description: "Where moon connects to. Beyond loopback only with `tls_ca_file` below `settings`.",
    unit: "IP:PORT",
    link: LINK,
  }),
  mean_blob_size: doc(size({ min: kib(1) }).exactOptional(), {
    description:
      "Mean size of a stored file, from `/status` (CurrSize / NumFiles). Larger blobs let the same RAM index a larger cache.",
    unit: "size",
    computed: "14 KiB",
  }),
  settings: doc(settings(refusedSetting, SECRET_NEXT).prefault({}), {
    description:
      "More keys of bazel-remote's YAML file, in its spelling, merged last: `htpasswd_file`, `max_blob_size` …",
    link: LINK,
  }),
  env: doc(environment(refusedVariable).prefault({}), {
    description:
      "Environment of the bazel-remote process, such as `GODEBUG`; `GOGC` and `GOMEMLIMIT` here win over the plan's.",
    link: LINK,
  }),
});

/** Tier 2: what may be said about bazel-remote. */
export const bazelRemoteSchema = rule(fields, ["http_address", "grpc_address", "settings"], (value, add) => {
  const { tls_ca_file, htpasswd_file, ldap } = value.settings;
  const open = (listen: string) => !isLoopback(hostPort(listen)?.host ?? "");
  const expected =
    "a loopback address, or an address with authentication: whoever can write can poison builds";
  if (open(value.http_address) && !tls_ca_file && !htpasswd_file && !ldap)
    add(
      ["http_address"],
      expected,
      "write 127.0.0.1:9090, or add settings.htpasswd_file or settings.tls_ca_file",
    );
  if (open(value.grpc_address) && !tls_ca_file)
    add(
      ["grpc_address"],
      expected,
      "write 127.0.0.1:9092, or add settings.tls_ca_file (mutual TLS; moon knows no other way over gRPC)",
    );
});

/** @see bazelRemoteSchema */
export type BazelRemoteConfig = z.output<typeof bazelRemoteSchema>;
