// @ts-check
import * as pulumi from "@pulumi/pulumi";
import { BuildHost } from "warmbox";

const config = new pulumi.Config();

/** One store for all machines; its keys are two secrets of the stack. */
const store = {
  s3: /** @type {const} */ ({ kind: "endpoint", url: "https://s3.example.org", bucket: "warmbox" }),
  s3Keys: {
    accessKeyId: config.requireSecret("s3AccessKeyId"),
    secretAccessKey: config.requireSecret("s3SecretAccessKey"),
  },
};

const machines = { "forge-1": 40, "forge-2": 40, nightly: 8 };

const boxes = Object.entries(machines).map(
  ([name, total]) =>
    new BuildHost(name, {
      reach: { kind: "ssh", host: `${name}.example.org` },
      agents: { total, active: 8 },
      ...store,
    }),
);

export const summaries = pulumi.all(boxes.map((box) => box.summary));
