import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BuildHost } from "../../components/build-host.ts";
import { describeHost } from "../../components/inspect.ts";
import { sharedS3 } from "../../components/s3-backend.ts";
import { gib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { machine } from "../plan/machine.ts";
import { type Recorded, record } from "./recorder.ts";

/**
 * What `s3: {kind: create}` declares, by recording mocks over the package's own types. Not shown here: what AWS and the
 * aws plugin make of it. The plugin comes from Pulumi's own download server and was never run with this program.
 */
const TYPES = [/^warmbox:index:/, /^command:local:Command$/, /^pulumi:providers:aws$/, /^aws:(s3|iam)\//];
const ARN = "arn:aws:s3:::warmbox-local-made";
const SECRET_KEY = "wJalrXUtnFEMI/K7MDENG";

/** What AWS adds to the inputs. */
function computed(type: string): Record<string, unknown> {
  switch (type) {
    case "aws:s3/bucket:Bucket":
      return { arn: ARN, bucket: "warmbox-local-made" };
    case "aws:iam/user:User":
      return { name: "s3-user-made" };
    case "aws:iam/accessKey:AccessKey":
      return { secret: SECRET_KEY };
    case "aws:iam/policy:Policy":
      return { arn: "arn:aws:iam::1:policy/made" };
    default:
      return {};
  }
}

async function created(s3: object = {}): Promise<Recorded[]> {
  const stack = parseStackConfig({
    hosts: { box: {} },
    s3: { kind: "create", region: "eu-central-1", ...s3 },
  });
  const host = stack.hosts.box;
  if (host === undefined) throw new Error("no host box");
  const probe = { facts: machine(gib(16), 8, gib(400)), observed: { library: null, ledgers: {} } };
  const library = { "prove.sh": "c0", "supervise.sh": "b0", "warmbox.sh": "a0" };
  const box = describeHost({ name: "box", host, stack, owner: "local", library, probe });
  const program = async () => {
    const made = new BuildHost("box", { description: box, s3: await sharedS3(stack, () => undefined) });
    summary = await new Promise((done) => pulumi.output(made.summary).apply(done));
  };
  return await record(TYPES, program, computed);
}

/** What the stack put out for the host of the last run. */
let summary: Record<string, unknown>;

/** Inputs of every resource on AWS by its name; policies as objects. */
async function onAws(s3: object = {}): Promise<Record<string, unknown>> {
  const found = (await created(s3)).filter(({ type }) => /aws/.test(type));
  return Object.fromEntries(
    found.map(({ type, name, inputs }) => {
      const { policy, ...rest } = inputs as { policy?: string };
      return [`${type} ${name}`, policy === undefined ? rest : { ...rest, policy: JSON.parse(policy) }];
    }),
  );
}

const bucket = "s3-bucket-id";
const CLOSED = {
  // the two strings are the package's own defaults
  "pulumi:providers:aws s3-aws": {
    region: "eu-central-1",
    skipCredentialsValidation: "false",
    skipRegionValidation: "true",
  },
  "aws:s3/bucket:Bucket s3-bucket": { bucketPrefix: "warmbox-local-", forceDestroy: false },
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock s3-private": {
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  },
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls s3-ownership": {
    bucket,
    rule: { objectOwnership: "BucketOwnerEnforced" },
  },
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration s3-encryption": {
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
  },
  "aws:s3/bucketPolicy:BucketPolicy s3-tls": {
    bucket,
    policy: {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: [ARN, `${ARN}/*`],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    },
  },
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration s3-lifecycle": {
    bucket,
    rules: [
      {
        id: "expire",
        status: "Enabled",
        filter: {},
        expiration: { days: 60 },
        abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
      },
    ],
  },
};
const LEAST = {
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "Find",
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
      Resource: [ARN],
    },
    {
      Sid: "ReadAndWrite",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      Resource: [`${ARN}/warmbox/*`],
    },
  ],
};

describe("kind: create", () => {
  it("declares a closed bucket and a user of least privilege", async () => {
    expect(await onAws()).toEqual({
      ...CLOSED,
      "aws:iam/user:User s3-user": { forceDestroy: true },
      "aws:iam/userPolicy:UserPolicy s3-user-policy": { user: "s3-user-made", policy: LEAST },
      "aws:iam/accessKey:AccessKey s3-key": { user: "s3-user-made" },
    });
  });

  it("declares a policy alone for a role", async () => {
    expect(await onAws({ credentials: "role" })).toEqual({
      ...CLOSED,
      "aws:iam/policy:Policy s3-policy": { description: "Read and write warmbox's caches", policy: LEAST },
    });
    expect(summary.s3).toEqual({
      bucket: "warmbox-local-made",
      url: "AWS",
      policyArn: "arn:aws:iam::1:policy/made",
    });
  });

  it.each([
    [{ region: "eu-west-2" }, "eu-west-2"],
    [{ bucket: "builds" }, '"bucket":"builds"'],
    [{ prefix: "p/q" }, `${ARN}/p/q/*`],
    [{ expire_days: 7 }, '"days":7'],
    [{ force_destroy: true, credentials: "role" }, '"forceDestroy":true'],
  ])("%j reaches AWS", async (s3, shown) => {
    expect(JSON.stringify(await onAws(s3))).toContain(shown);
  });

  it("leads both daemons to the bucket that was made, and its keys into one secret script", async () => {
    const resources = await created();
    const script = (name: string) =>
      resources.find((recorded) => recorded.name === name && recorded.type === "command:local:Command")
        ?.inputs.stdin;
    expect(script("box-sccache")).toContain('bucket = "warmbox-local-made"');
    expect(script("box-bazel-remote")).toContain("bucket: warmbox-local-made");
    const holding = resources.filter(
      ({ type, inputs }) => type === "command:local:Command" && JSON.stringify(inputs).includes(SECRET_KEY),
    );
    expect(script("box-sccache")).toMatch(/WARMBOX_S3_KEYS=[0-9a-f]{4}"?\n/);
    expect(holding.map(({ name }) => name)).toEqual(["box-s3-credentials"]);
    expect(JSON.stringify(script("box-s3-credentials"))).toContain("1b47061264138c4ac30d75fd1eb44270");
  });
});

it("no other stack loads the aws package", async () => {
  const stack = parseStackConfig({ hosts: { box: {} }, s3: { kind: "embedded" } });
  const { execFileSync } = await import("node:child_process");
  const program = `
    const { sharedS3 } = await import("./components/s3-backend.ts");
    await sharedS3(${JSON.stringify(stack)}, () => undefined);
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(loaded.some((path) => path.includes("/@pulumi/command/")), loaded.some((path) => path.includes("/@pulumi/aws/")));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(output.trim()).toBe("true false");
});
