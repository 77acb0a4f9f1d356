import { Document } from "yaml";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { awsHost, credentialsPath, type Store } from "../../plan/store.ts";
import { bazelRemoteGiB } from "../../stacks/bytes.ts";
import type { BazelRemoteConfig } from "../../stacks/types.ts";
import { merged, type Table } from "../lib/toml.ts";

/** Connections kept open to S3. Left out, Go keeps two and opens a new one for nearly every request. */
const S3_IDLE_CONNECTIONS = 1024;

/** Reason of a key, written as a comment above it. */
const REASONS: Record<string, string> = {
  max_size: " GiB, whole ones. Bounded by the RAM of the index before the disk.",
  http_address: " Both addresses always: one that is left out listens on a random port on every interface.",
  access_log_level: " The default logs every request: gigabytes a day.",
  enable_endpoint_metrics: " Hits and evictions, for `npm run status`.",
  max_queued_uploads: " Each waiting upload holds an open file; kept well below the limit of open files.",
};

/**
 * bazel-remote's YAML file, complete: with a file it ignores flags and environment, and unknown keys without a word.
 * @see https://github.com/buchgr/bazel-remote#example-configuration-file
 */
export function bazelRemoteConfig(
  plan: Pick<CachePlan, "bazelRemote">,
  remote: Pick<BazelRemoteConfig, "storage_mode" | "http_address" | "grpc_address" | "settings">,
  store: Store,
  paths: { config: string },
): string {
  const base: Table = {
    dir: plan.bazelRemote.dir,
    max_size: bazelRemoteGiB(plan.bazelRemote.max_size, "floor"),
    storage_mode: remote.storage_mode,
    http_address: remote.http_address,
    grpc_address: remote.grpc_address,
    access_log_level: "none",
    ...(isGuarded(remote.settings) ? {} : { enable_endpoint_metrics: true }),
    ...storeTable(plan, store, paths),
  };
  const document = new Document(merged(base, remote.settings));
  document.commentBefore =
    " Written by warmbox; `pulumi up` writes it again. More keys: bazel-remote.settings of the stack.";
  for (const [key, reason] of Object.entries(REASONS)) comment(document, key, reason);
  return document.toString({ lineWidth: 0 });
}

/** Where a password or a certificate is asked for, the metrics would open `/status` to whoever has none. */
const isGuarded = ({ htpasswd_file, tls_ca_file, ldap }: BazelRemoteConfig["settings"]): boolean =>
  [htpasswd_file, tls_ca_file, ldap].some((guard) => guard !== undefined);

function comment(document: Document, key: string, reason: string): void {
  const { contents } = document;
  const items =
    (contents as { items?: { key: { value: string; commentBefore?: string } }[] } | null)?.items ?? [];
  const pair = items.find((item) => item.key.value === key);
  if (pair !== undefined) pair.key.commentBefore = reason;
}

function storeTable(plan: Pick<CachePlan, "bazelRemote">, store: Store, paths: { config: string }): Table {
  const queue = {
    num_uploaders: plan.bazelRemote.num_uploaders,
    max_queued_uploads: plan.bazelRemote.max_queued_uploads,
  };
  switch (store.kind) {
    case "none":
      return {};
    case "s3":
      return { ...queue, s3_proxy: s3Table(store, paths) };
    case "gcs":
      return { ...queue, gcs_proxy: gcsTable(store) };
    default:
      return store satisfies never;
  }
}

/** `bucket_lookup_type` is required in YAML; the credentials are a file, as keys in this one would be in previews and state. */
function s3Table(store: Extract<Store, { kind: "s3" }>, paths: { config: string }): Table {
  return {
    endpoint: store.url?.replace(/^https?:\/\//, "") ?? awsHost(store.region),
    bucket: store.bucket,
    prefix: `${store.prefix}/bazel-remote`,
    region: store.region,
    ...(store.url?.startsWith("http:") ? { disable_ssl: true } : {}),
    // a dot in the bucket's name would make a host name that AWS's certificate does not cover
    bucket_lookup_type: store.pathStyle || store.bucket.includes(".") ? "path" : "dns",
    max_idle_conns: S3_IDLE_CONNECTIONS,
    ...(store.credentials === "role"
      ? { auth_method: "iam_role" }
      : {
          auth_method: "aws_credentials_file",
          aws_shared_credentials_file: credentialsPath(paths),
          aws_profile: "default",
        }),
  };
}

/** It has no key for a prefix, and takes its bucket for the path below which it writes. */
function gcsTable({ bucket, prefix, credentials }: Extract<Store, { kind: "gcs" }>): Table {
  const path = `${bucket}/${prefix}/bazel-remote`;
  return credentials.kind === "file"
    ? { bucket: path, use_default_credentials: false, json_credentials_file: credentials.path }
    : { bucket: path, use_default_credentials: true };
}
