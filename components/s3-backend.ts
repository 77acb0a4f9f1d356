import * as pulumi from "@pulumi/pulumi";
import { generationFor } from "../plan/generation.ts";
import type { EmbeddedServer } from "../plan/host-decisions.ts";
import type { Store } from "../plan/store.ts";
import { s3CredentialsScript, s3OwnCredentialsScript } from "../render/s3/s3-credentials.ts";
import type { StackConfig } from "../stacks/types.ts";
import type { HostConnection, SharedS3, TierArgs } from "./description.ts";
import { hostResource, type Ownership } from "./host-resource.ts";
import { keysMark, type S3KeyInputs, stackKeys } from "./s3-keys.ts";
import { S3Server } from "./s3-server.ts";

/**
 * What a stack's hosts share of S3: the keys, and the bucket that `kind: create` makes. `@pulumi/aws` is loaded only
 * here, and only by a stack that uses it.
 * @param secret reads a secret of the stack's configuration
 * @throws Error where the store needs keys that are not set
 */
export async function sharedS3(
  stack: StackConfig,
  secret: (name: string) => pulumi.Output<string> | undefined,
): Promise<SharedS3 | undefined> {
  const { s3 } = stack;
  if (s3 === undefined) return undefined;
  if (s3.kind !== "create") return { keys: stackKeys(s3, secret), dependsOn: [] };
  const { S3Bucket } = await import("./s3-bucket.ts");
  const bucket = new S3Bucket("s3", s3);
  return { keys: bucket.keys, bucket: bucket.bucket, policyArn: bucket.policyArn, dependsOn: [bucket] };
}

/** What {@link S3Backend} is made from: a tier's arguments, what the hosts share, and the embedded server if it is here. */
export interface S3BackendArgs extends TierArgs {
  readonly shared: SharedS3;
  readonly server?: EmbeddedServer;
}

/**
 * S3 behind one host's tiers 1 and 2: the file with the keys, the only place with the keys in plain text,
 * and the embedded server where it is this host's.
 */
export class S3Backend extends pulumi.ComponentResource {
  /** The store with what came from resources: the bucket, and the mark that changes with the keys. */
  public readonly store: pulumi.Input<Store>;

  constructor(name: string, args: S3BackendArgs, opts: pulumi.ComponentResourceOptions) {
    const { host, shared, server, input } = args;
    super("warmbox:index:S3Backend", name, {}, opts);
    this.store = completed(args);
    const credentials = usesKeys(input.store)
      ? [credentialsResource(args, { parent: this, dependsOn: shared.dependsOn })]
      : [];
    if (server !== undefined)
      new S3Server(
        `${name}-server`,
        { host, input, store: this.store, server: server.config, toolPath: server.toolPath },
        { parent: this, dependsOn: credentials }, // it reads its keys at its start
      );
    this.registerOutputs({});
  }
}

function usesKeys(store: Store): boolean {
  return store.kind === "s3" && store.credentials === "keys";
}

function credentialsResource(args: S3BackendArgs, opts: pulumi.CustomResourceOptions): pulumi.Resource {
  const { host, input, shared } = args;
  const script = (ownership: Ownership): pulumi.Input<string> =>
    shared.keys === undefined
      ? s3OwnCredentialsScript({ ...input, ...ownership })
      : secretScript(shared.keys, (keys) => s3CredentialsScript({ ...input, ...ownership }, keys));
  return hostResource({ host, resource: "s3-credentials", script }, opts);
}

function secretScript(
  keys: S3KeyInputs,
  render: (keys: { accessKeyId: string; secretAccessKey: string }) => string,
): pulumi.Output<string> {
  return pulumi.secret(
    pulumi
      .all([keys.accessKeyId, keys.secretAccessKey])
      .apply(([accessKeyId, secretAccessKey]) => render({ accessKeyId, secretAccessKey })),
  );
}

/** Plain where everything is known before the first resource, so that the scripts are plain as well. */
function completed({ host, input, shared }: S3BackendArgs): pulumi.Input<Store> {
  const { store } = input;
  if (store.kind !== "s3") return store;
  if (!usesKeys(store)) return withBucket(store, shared.bucket);
  if (shared.keys === undefined) return { ...store, keysMark: ownKeysMark(host) };
  return pulumi
    .all([withBucket(store, shared.bucket), keysMark(shared.keys)])
    .apply(([whole, mark]) => ({ ...whole, keysMark: mark }));
}

function withBucket<S extends Store & { kind: "s3" }>(
  store: S,
  bucket: pulumi.Input<string> | undefined,
): pulumi.Input<S> {
  return bucket === undefined ? store : pulumi.output(bucket).apply((name) => ({ ...store, bucket: name }));
}

/** Keys that the host made change only when their file is lost or edited: with the number of that resource. */
function ownKeysMark(host: HostConnection): string {
  return String(generationFor(host.observed.ledgers["s3-credentials"], host.owner, host.nowSeconds));
}
