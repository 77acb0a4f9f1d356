import type { GcsConfig, S3Config, StackConfig } from "../stacks/types.ts";
import type { ServiceKind } from "./service-kind.ts";

/** S3 as both tools need it, whichever way the stack came to it. No secrets in it. */
export type S3Target = {
  bucket: string;
  region: string;
  prefix: string;
  /** Scheme, host and port of a server that is not AWS. */
  url?: string;
  pathStyle: boolean;
  credentials: "keys" | "role";
  /** A word that changes with the keys and reveals nothing of them: both daemons read their keys only once, at the start. */
  keysMark?: string;
};

/** What is behind the two caches: nothing, S3 or GCS. */
export type Store = { kind: "none" } | ({ kind: "s3" } & S3Target) | ({ kind: "gcs" } & GcsConfig);

/** No store behind the local disks. */
export const NO_STORE: Store = { kind: "none" };

/**
 * The store of a stack as the renderers want it.
 * @param created name of the bucket that `kind: create` made (an output of the S3 backend)
 */
export function storeOf(stack: { s3?: S3Config; gcs?: GcsConfig }, created?: string): Store {
  if (stack.gcs) return { kind: "gcs", ...stack.gcs };
  return stack.s3 ? { kind: "s3", ...s3Target(stack.s3, created) } : NO_STORE;
}

/**
 * The store of one host of a stack: an embedded server listens on loopback, so it is its own host's alone.
 * @param host name in the stack
 */
export function storeOfHost(stack: Pick<StackConfig, "hosts" | "s3" | "gcs">, host: string): Store {
  return stack.s3?.kind === "embedded" && embeddedHost(stack) !== host ? NO_STORE : storeOf(stack);
}

/** The host whose service the embedded S3 server is: the one that is named, else the stack's first. */
export function embeddedHost(stack: Pick<StackConfig, "hosts" | "s3">): string | undefined {
  return stack.s3?.kind === "embedded" ? (stack.s3.host ?? Object.keys(stack.hosts)[0]) : undefined;
}

function s3Target(s3: S3Config, created: string | undefined): S3Target {
  const { region, prefix } = s3;
  switch (s3.kind) {
    case "create":
      return {
        bucket: created ?? s3.bucket ?? "",
        region,
        prefix,
        pathStyle: false,
        credentials: s3.credentials,
      };
    case "existing":
      return { bucket: s3.bucket, region, prefix, pathStyle: false, credentials: s3.credentials };
    case "endpoint":
      return {
        bucket: s3.bucket,
        region,
        prefix,
        url: s3.url.replace(/\/$/, ""),
        pathStyle: s3.path_style,
        credentials: s3.credentials,
      };
    case "embedded":
      return {
        bucket: s3.bucket,
        region,
        prefix,
        url: `http://127.0.0.1:${s3.port}`,
        pathStyle: true,
        credentials: "keys",
      };
    default:
      return s3 satisfies never;
  }
}

/** True for a region of AWS in China, which has its own domain. */
export function inChina(region: string): boolean {
  return region.startsWith("cn-");
}

/**
 * Host name of S3 in a region of AWS.
 * @see https://docs.aws.amazon.com/general/latest/gr/s3.html
 */
export function awsHost(region: string): string {
  return `s3.${region}.amazonaws.com${inChina(region) ? ".cn" : ""}`;
}

/** File with the keys of the store, 0600, read by both daemons; never a part of a rendered configuration. */
export function credentialsPath(paths: { config: string }): string {
  return `${paths.config}/s3-credentials`;
}

/** systemd's names of the keys' files, as credentials of each unit that reads them. */
const UNIT_CREDENTIAL = { s3: "s3-credentials", gcs: "gcs-key" };

const unitCredentialPath = (unit: string, name: string): string => `/run/credentials/${unit}.service/${name}`;

/** The store as one of the host's services sees it: a key file of GCS is where systemd put it. See {@link pathsSeenBy}. */
export function storeSeenBy(unit: string, kind: ServiceKind, store: Store): Store {
  if (store.kind !== "gcs" || store.credentials.kind !== "file" || kind !== "systemd-system") return store;
  return { ...store, credentials: { kind: "file", path: unitCredentialPath(unit, UNIT_CREDENTIAL.gcs) } };
}

/**
 * The paths of a host as one of its services sees them. A system unit has its own user, who cannot read a 0600 file
 * of root: systemd provides it below /run/credentials.
 * @param unit name of the service's unit, without `.service`
 * @see https://systemd.io/CREDENTIALS/
 */
export function pathsSeenBy<P extends { config: string }>(unit: string, kind: ServiceKind, paths: P): P {
  return kind === "systemd-system" ? { ...paths, config: `/run/credentials/${unit}.service` } : paths;
}

/** The keys' file that systemd hands to a system unit; nothing where the service reads it by itself, or needs none. */
export function unitCredentials(
  store: Store,
  kind: ServiceKind,
  paths: { config: string },
): string | undefined {
  if (kind !== "systemd-system") return undefined;
  if (store.kind === "gcs" && store.credentials.kind === "file")
    return `${UNIT_CREDENTIAL.gcs}:${store.credentials.path}`;
  return store.kind === "s3" && store.credentials === "keys"
    ? `${UNIT_CREDENTIAL.s3}:${credentialsPath(paths)}`
    : undefined;
}

/** The two halves of an S3 identity. A third, a session token, is not supported: it expires within hours. */
export type S3Keys = { accessKeyId: string; secretAccessKey: string };

/**
 * What is wrong with a half of a key, without its value; undefined where nothing is. A space or line end comes from a
 * paste, and would make another file of the credentials'.
 */
export function keyIssue(secret: string, value: string): string | undefined {
  if (/^[!-~]+$/.test(value)) return undefined;
  const defect = value === "" ? "it is empty" : "it holds white space or a character beyond ASCII";
  return `${secret}: ${defect}, wanted one word as the store gave it; next: ./warmbox pulumi config set --secret ${secret}`;
}

/**
 * The shared credentials file of AWS's tools. Secret: it goes to the host in a separate resource.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function s3Credentials(keys: S3Keys): string {
  return `# Written by warmbox.
[default]
aws_access_key_id = ${keys.accessKeyId}
aws_secret_access_key = ${keys.secretAccessKey}
`;
}

/**
 * Variables of the sccache server for its store; none without one.
 *
 * - It listens at once. Without SCCACHE_SKIP_CACHE_CHECK it asks the store first, for as long as that keeps silent, and
 *   asks it twice more before every write.
 * - Errors of the store appear in its log only if a variable sets the log level.
 * - They restrict it to the credentials file: no profile, and no metadata service, whose absence costs a timeout.
 *
 * @see https://github.com/mozilla/sccache/pull/2822
 */
export function storeEnvironment(store: Store, paths: { config: string }): Record<string, string> {
  if (store.kind === "none") return {};
  return {
    SCCACHE_SKIP_CACHE_CHECK: "1",
    SCCACHE_LOG: "warn",
    ...(store.kind === "s3" && store.credentials === "keys"
      ? { AWS_EC2_METADATA_DISABLED: "true", AWS_SHARED_CREDENTIALS_FILE: credentialsPath(paths) }
      : {}),
    ...marked(store),
  };
}

/** The variable that differs when the keys do, so that a daemon that has read the old ones is started again. */
export function marked(store: Store): Record<string, string> {
  return store.kind === "s3" && store.keysMark !== undefined ? { WARMBOX_S3_KEYS: store.keysMark } : {};
}
