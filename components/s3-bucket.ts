import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { parseStackConfig } from "../stacks/config.ts";
import type { s3Schema } from "../stacks/schema/store.ts";
import type { S3Config } from "../stacks/types.ts";
import type { S3KeyInputs } from "./s3-keys.ts";

type BucketConfig = Extract<S3Config, { kind: "create" }>;

/** What {@link S3Bucket} is made from: the keys of a stack's `s3` with `kind: create`; `region` is required. */
export type S3BucketArgs = Omit<Extract<z.input<typeof s3Schema>, { kind: "create" }>, "kind">;

/** Parts of an upload that was never finished are paid for until they are dropped; no upload here lasts an hour. */
const ABORT_DAYS = 1;

/**
 * A bucket on AWS for both caches, closed to everyone else, and who may use it: a user with keys, or a policy for the
 * role that the hosts have. Imported only by a stack that makes a bucket.
 *
 * ```ts
 * const bucket = new S3Bucket("cache", { region: "eu-central-1" });
 * new BuildHost("forge", { s3: bucket });
 * ```
 */
export class S3Bucket extends pulumi.ComponentResource {
  /** Its configuration with every default. */
  public readonly config: BucketConfig;
  /** Its name. */
  public readonly bucket: pulumi.Output<string>;
  /** Keys of the new user; undefined with `credentials: role`. */
  public readonly keys: S3KeyInputs | undefined;
  /** ARN of the policy to attach to the hosts' role; undefined with keys. */
  public readonly policyArn: pulumi.Output<string> | undefined;

  /** @throws RunError with every mistake in `args` */
  constructor(name: string, args: S3BucketArgs, opts?: pulumi.ComponentResourceOptions) {
    const s3 = checkedConfig(args);
    super("warmbox:index:S3Bucket", name, { s3 }, opts);
    const provider = new aws.Provider(`${name}-aws`, { region: s3.region }, { parent: this });
    const child = { parent: this, provider };
    const bucket = new aws.s3.Bucket(
      `${name}-bucket`,
      {
        ...(s3.bucket === undefined
          ? { bucketPrefix: bucketPrefix(pulumi.getStack()) }
          : { bucket: s3.bucket }),
        forceDestroy: s3.force_destroy,
      },
      child,
    );
    closed(name, bucket, child);
    expiring(name, bucket, s3.expire_days, child);
    const access = allowed(bucket.arn, s3.prefix);
    this.config = s3;
    this.bucket = bucket.bucket;
    this.keys = s3.credentials === "keys" ? userKeys(name, access, child) : undefined;
    this.policyArn = s3.credentials === "role" ? rolePolicy(name, access, child) : undefined;
    this.registerOutputs({ bucket: this.bucket, policyArn: this.policyArn });
  }
}

function checkedConfig(args: S3BucketArgs): BucketConfig {
  try {
    return parseStackConfig({ hosts: { any: {} }, s3: { ...args, kind: "create" } }).s3 as BucketConfig;
  } catch (error) {
    throw new pulumi.RunError((error as Error).message);
  }
}

/** Longest prefix that AWS takes: it adds 26 characters to make the name. */
const PREFIX_LENGTH = 37;

function bucketPrefix(stack: string): string {
  const word = `warmbox-${stack}`.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
  return `${word.slice(0, PREFIX_LENGTH - 1)}-`;
}

/** Access for this account only, encrypted at rest, and by TLS only. */
function closed(name: string, { id, arn }: aws.s3.Bucket, child: pulumi.CustomResourceOptions): void {
  const everything = {
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  };
  const block = new aws.s3.BucketPublicAccessBlock(`${name}-private`, { bucket: id, ...everything }, child);
  new aws.s3.BucketOwnershipControls(
    `${name}-ownership`,
    { bucket: id, rule: { objectOwnership: "BucketOwnerEnforced" } },
    child,
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(
    `${name}-encryption`,
    { bucket: id, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
    child,
  );
  new aws.s3.BucketPolicy(
    `${name}-tls`,
    { bucket: id, policy: pulumi.jsonStringify(tlsOnly(arn)) },
    { ...child, dependsOn: [block] }, // both write the bucket's policy status; at once, AWS refuses one of them
  );
}

/** Neither tool deletes its objects. */
function expiring(
  name: string,
  { id }: aws.s3.Bucket,
  days: number,
  child: pulumi.CustomResourceOptions,
): void {
  new aws.s3.BucketLifecycleConfiguration(
    `${name}-lifecycle`,
    {
      bucket: id,
      rules: [
        {
          id: "expire",
          status: "Enabled",
          filter: {},
          expiration: { days },
          abortIncompleteMultipartUpload: { daysAfterInitiation: ABORT_DAYS },
        },
      ],
    },
    child,
  );
}

function userKeys(
  name: string,
  policy: pulumi.Output<string>,
  child: pulumi.CustomResourceOptions,
): S3KeyInputs {
  const user = new aws.iam.User(`${name}-user`, { forceDestroy: true }, child); // with keys made by hand, too
  new aws.iam.UserPolicy(`${name}-user-policy`, { user: user.name, policy }, child);
  const key = new aws.iam.AccessKey(`${name}-key`, { user: user.name }, child);
  return { accessKeyId: key.id, secretAccessKey: key.secret };
}

function rolePolicy(
  name: string,
  policy: pulumi.Output<string>,
  child: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  return new aws.iam.Policy(
    `${name}-policy`,
    { description: "Read and write warmbox's caches", policy },
    child,
  ).arn;
}

function tlsOnly(arn: pulumi.Output<string>): pulumi.Input<object> {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [arn, pulumi.interpolate`${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  };
}

/**
 * What both daemons need and no more. Without ListBucket S3 answers 403 instead of 404 for an object that is not there,
 * which both take for a fault.
 */
function allowed(arn: pulumi.Output<string>, prefix: string): pulumi.Output<string> {
  return pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Find",
        Effect: "Allow",
        Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        Resource: [arn],
      },
      {
        Sid: "ReadAndWrite",
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        Resource: [pulumi.interpolate`${arn}/${prefix}/*`],
      },
    ],
  });
}
