import { z } from "zod";
import { gib } from "../bytes.ts";
import { issueText } from "../issue.ts";
import { boolean, directory, doc, integer, object, oneOf, port, size, text } from "./fields.ts";

const BUCKET_WANTED = "a bucket name: 3 to 63 lower-case letters, digits, dots and dashes";
const bucket = text(BUCKET_WANTED).regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
  error: issueText(BUCKET_WANTED, "write the bucket's name alone, without s3:// or a path"),
});

const REGION_WANTED = "a region such as eu-central-1";
const region = text(REGION_WANTED).regex(/^[a-z0-9-]+$/, {
  error: issueText(REGION_WANTED, "write the region's name; stores without regions take us-east-1"),
});

const PREFIX_WANTED = "a key prefix without slashes at its ends";
const prefix = doc(
  text(PREFIX_WANTED)
    .regex(/^[^/\s]([^\s]*[^/\s])?$/, { error: issueText(PREFIX_WANTED, "write it like warmbox") })
    .default("warmbox"),
  {
    description:
      "Start of every key: sccache writes below PREFIX/sccache, bazel-remote below PREFIX/bazel-remote.",
  },
);

const URL_EXPECTED = "an address http://HOST:PORT or https://HOST[:PORT]";
const url = text(URL_EXPECTED).regex(/^https?:\/\/[^/\s@:]+(:\d{1,5})?\/?$/, {
  error: issueText(
    URL_EXPECTED,
    "write scheme, host and port only: sccache takes an address without a scheme for http",
  ),
});

/** How the daemons prove who they are. Keys are two secrets of the stack, never part of this file. */
const credentials = doc(
  oneOf(["keys", "role"], {
    iam_role: "write role",
    access_key: "write keys, and set the secrets s3AccessKeyId and s3SecretAccessKey",
  }).default("keys"),
  {
    description:
      "`keys`: the secrets `s3AccessKeyId` and `s3SecretAccessKey` of the stack, put into a 0600 file; no session token. `role`: the machine's own instance role.",
  },
);

/** S3 behind tiers 1 and 2. */
export const s3Schema = z.discriminatedUnion(
  "kind",
  [
    object({
      kind: z.literal("create"),
      bucket: doc(bucket.exactOptional(), {
        description: "Name of the new bucket.",
        computed: "made by AWS from the stack's name",
      }),
      region: doc(region, { description: "AWS region of the bucket." }),
      prefix,
      credentials: doc(oneOf(["keys", "role"]).default("keys"), {
        description:
          "`keys`: a new IAM user of least privilege. `role`: only the policy, for you to attach to the hosts' role.",
      }),
      expire_days: doc(integer("days", 1, 3650).default(60), {
        description: "Objects so old are deleted, used or not; neither tool deletes any itself.",
        unit: "days",
      }),
      force_destroy: doc(boolean().default(false), {
        description: "`pulumi destroy` deletes the bucket even when objects are in it.",
      }),
    }),
    object({
      kind: z.literal("existing"),
      bucket: doc(bucket, { description: "An AWS bucket that is there." }),
      region: doc(region, { description: "Its region." }),
      prefix,
      credentials,
    }),
    object({
      kind: z.literal("endpoint"),
      url: doc(url, {
        description: "A server that speaks S3: MinIO, versitygw, Ceph …",
        unit: "http(s)://HOST[:PORT]",
      }),
      bucket: doc(bucket, { description: "A bucket that is there." }),
      region: doc(region.default("us-east-1"), { description: "Region that the server signs for." }),
      path_style: doc(boolean().default(true), {
        description: "Bucket in the path (most own servers) instead of in the host name.",
      }),
      prefix,
      credentials,
    }),
    object({
      kind: z.literal("embedded"),
      host: doc(text("the name of a host of this stack").exactOptional(), {
        description: "The host whose service it is.",
        computed: "the first host",
      }),
      port: doc(port().default(7070), {
        description: "TCP port on 127.0.0.1 of the S3 server that warmbox runs.",
        unit: "TCP port",
      }),
      dir: doc(directory().exactOptional(), {
        description: "Where its objects are kept.",
        computed:
          "`.local/share/warmbox/s3` below the home directory, `/var/cache/warmbox-s3` in scope system",
      }),
      max_size: doc(size({ min: gib(1) }).default(gib(20)), {
        description:
          "Cap of its objects; the ones written longest ago go when it is passed, looked at every five minutes. It comes on top of the plan's 80 % of the volume: set it, or `dir`, to what the disk can take.",
        unit: "size",
      }),
      bucket: doc(bucket.default("warmbox"), { description: "Bucket that is made in it." }),
      region: doc(region.default("us-east-1"), { description: "Region that it signs for." }),
      prefix,
    }),
  ],
  {
    error: issueText(
      "an S3 store with kind: create, existing, endpoint or embedded",
      "write kind: embedded for one without an account",
    ),
  },
);

/** GCS behind tiers 1 and 2. */
export const gcsSchema = object({
  bucket: doc(bucket, { description: "A bucket that is there." }),
  prefix,
  credentials: doc(
    z
      .discriminatedUnion(
        "kind",
        [
          object({ kind: z.literal("default") }),
          object({
            kind: z.literal("file"),
            path: doc(
              text("an absolute path on the host").regex(/^\//, {
                error: issueText("an absolute path on the host", "write it in full"),
              }),
              {
                description: "A service account's JSON key, already on the host.",
                unit: "path",
              },
            ),
          }),
        ],
        { error: issueText("credentials with kind: default or file", "write kind: default") },
      )
      .prefault({ kind: "default" }),
    { description: "`default`: the machine's own service account; `file`: a key on the host." },
  ),
});

/** @see s3Schema */
export type S3Config = z.output<typeof s3Schema>;
/** @see gcsSchema */
export type GcsConfig = z.output<typeof gcsSchema>;
