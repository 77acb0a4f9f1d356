import { scryptSync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { keyIssue, type S3Keys } from "../plan/store.ts";
import type { StackConfig } from "../stacks/types.ts";

/** An S3 identity that may come from a resource; both halves are secrets. */
export type S3KeyInputs = { [half in keyof S3Keys]: pulumi.Input<string> };

/** Digits of a keys' mark: 16 bits tell that the keys changed, and are far too few to tell anything of them. */
const MARK_DIGITS = 4;

/** A word that changes with the keys, fit for a script that everyone may read. */
export function keysMark(keys: S3KeyInputs): pulumi.Output<string> {
  const mark = pulumi
    .all([keys.accessKeyId, keys.secretAccessKey])
    .apply(([id, secret]) => scryptSync(secret, `warmbox ${id}`, MARK_DIGITS / 2).toString("hex"));
  return pulumi.unsecret(mark);
}

/**
 * The stack's own two secrets, `s3AccessKeyId` and `s3SecretAccessKey`; undefined where neither is set.
 * @throws Error where the stack's store needs them and one or both are missing
 */
export function stackKeys(
  s3: StackConfig["s3"],
  secret: (name: string) => pulumi.Output<string> | undefined,
): S3KeyInputs | undefined {
  const [accessKeyId, secretAccessKey] = [secret("s3AccessKeyId"), secret("s3SecretAccessKey")];
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return checkedKeys({ accessKeyId, secretAccessKey });
  const half = accessKeyId !== undefined || secretAccessKey !== undefined;
  const needed = (s3?.kind === "existing" || s3?.kind === "endpoint") && s3.credentials === "keys";
  if (!half && !needed) return undefined;
  const missing = [
    ...(accessKeyId === undefined ? ["s3AccessKeyId"] : []),
    ...(secretAccessKey === undefined ? ["s3SecretAccessKey"] : []),
  ];
  const commands = missing.map((name) => `./warmbox pulumi config set --secret ${name}`).join(" && ");
  throw new Error(
    `s3: ${missing.join(" and ")} not set, wanted both halves of the store's keys as secrets of the stack; next: run ${commands}`,
  );
}

/** Both halves as secrets, each of which fails the program once it is known and cannot be a key. */
export function checkedKeys({ accessKeyId, secretAccessKey }: S3KeyInputs): S3KeyInputs {
  return {
    accessKeyId: checkedKey("s3AccessKeyId", accessKeyId),
    secretAccessKey: checkedKey("s3SecretAccessKey", secretAccessKey),
  };
}

function checkedKey(name: string, key: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.secret(key).apply((value) => {
    const mistake = keyIssue(name, value);
    if (mistake !== undefined) throw new pulumi.RunError(mistake);
    return value;
  });
}
