import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { parseStackConfig } from "../stacks/config.ts";
import type { hostSchema } from "../stacks/schema/host.ts";
import type { gcsSchema, s3Schema } from "../stacks/schema/store.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import type { HostDescription, SharedS3 } from "./description.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { checkedKeys, type S3KeyInputs } from "./s3-keys.ts";

type HostInput = z.input<typeof hostSchema>;
type S3Input = Exclude<z.input<typeof s3Schema>, { kind: "create" }>;
type SshReach = Extract<NonNullable<HostInput["reach"]>, { kind: "ssh" }>;

/** The user's own `ssh`; address, user and port may come from resources of the same program. */
export type SshReachArgs = Omit<SshReach, "host" | "user" | "port"> & {
  /** A name, an address, or an alias of `~/.ssh/config`. */
  readonly host: pulumi.Input<string>;
  /** User on the host; default: ssh's. */
  readonly user?: pulumi.Input<string>;
  /** Port of sshd; default: ssh's. */
  readonly port?: pulumi.Input<number>;
};

/**
 * What a host is declared with: every key of `hosts.NAME` in a stack file, and the stack's keys that concern one host.
 * Only `reach` takes values of other resources.
 */
export type BuildHostArgs = Omit<HostInput, "reach"> & {
  /** How the host is reached; default: it is this machine. */
  readonly reach?: { readonly kind: "local" } | SshReachArgs;
  /** S3 behind tiers 1 and 2: a store that exists, the embedded server, or a bucket of this program. */
  readonly s3?: S3Input | S3Bucket;
  /** Keys of that store, with `credentials: "keys"` of the kinds `existing` and `endpoint`; they become secrets. */
  readonly s3Keys?: S3KeyInputs;
  /** Google Cloud Storage behind tiers 1 and 2, instead of `s3`. */
  readonly gcs?: z.input<typeof gcsSchema>;
  /** End each `up` with a proof that all tiers hit; default: true. */
  readonly proof?: boolean;
};

/** A host that the program has already probed, as {@link inspectFleet} returns it, and the store of its fleet. */
export interface DescribedHostArgs {
  readonly description: HostDescription;
  readonly s3?: SharedS3 | undefined;
}

/** True for a host that needs no probe. */
export function isDescribed(args: BuildHostArgs | DescribedHostArgs): args is DescribedHostArgs {
  return "description" in args;
}

/** One host's configuration, checked, in the stack that it alone is. */
export type CheckedArgs = { readonly host: HostConfig; readonly stack: StackConfig };

/** Values of `reach` that have the right form, for a check before the real ones are known. */
const FORM = { host: "address", user: "user", port: 22 };

/**
 * Checks everything that the program itself says, before any machine is asked.
 * @throws RunError with every issue, by key path
 */
export function checkArgs(name: string, args: BuildHostArgs): CheckedArgs {
  const { reach } = args;
  if (reach?.kind !== "ssh") return parsed(name, args, reach);
  const isPlain = (key: keyof typeof FORM) => ["string", "number", "undefined"].includes(typeof reach[key]);
  const keys = (["host", "user", "port"] as const).filter((key) => !isPlain(key));
  return parsed(name, args, { ...reach, ...Object.fromEntries(keys.map((key) => [key, FORM[key]])) });
}

/** The same with the values of `reach`, once they are known. */
export function parsed(name: string, args: BuildHostArgs, reach: unknown): CheckedArgs {
  const { s3, s3Keys: _, gcs, proof, ...rest } = args;
  const host = reach === undefined ? rest : { ...rest, reach };
  const store = { ...(s3 ? { s3: isBucket(s3) ? s3.config : s3 } : {}), ...(gcs ? { gcs } : {}) };
  try {
    const stack = parseStackConfig({
      hosts: { [name]: host },
      ...store,
      ...(proof === undefined ? {} : { proof }),
    });
    return { host: stack.hosts[name] as HostConfig, stack };
  } catch (error) {
    throw new pulumi.RunError((error as Error).message);
  }
}

/** S3 as this one host has it; undefined without. @throws RunError if the keys are missing */
export function s3Of({ s3, s3Keys }: BuildHostArgs, { stack }: CheckedArgs): SharedS3 | undefined {
  if (s3 === undefined || stack.s3 === undefined) return undefined;
  if (isBucket(s3)) return { keys: s3.keys, bucket: s3.bucket, policyArn: s3.policyArn, dependsOn: [s3] };
  const needsKeys = stack.s3.kind !== "embedded" && stack.s3.credentials === "keys";
  if (s3Keys === undefined && needsKeys)
    throw new pulumi.RunError(
      's3Keys: not set, expected {accessKeyId, secretAccessKey} of the store; next: pass both as secrets of the stack (config.requireSecret), or write credentials: "role"',
    );
  return { keys: s3Keys && checkedKeys(s3Keys), dependsOn: [] };
}

function isBucket(s3: S3Input | S3Bucket): s3 is S3Bucket {
  return pulumi.Resource.isInstance(s3);
}
