// @ts-check
import { BuildHost } from "warmbox";
import { S3Bucket } from "warmbox/s3-bucket";

/** A private bucket, and an IAM user of least privilege whose keys go to the host. */
const bucket = new S3Bucket("cache", { region: "eu-central-1", expire_days: 30 });

const box = new BuildHost("forge", {
  reach: { kind: "ssh", host: "forge.example.org", user: "ci" },
  agents: { total: 40, active: 10 },
  s3: bucket,
});

export const bucketName = bucket.bucket;
export const cache = box.bazelRemote.maxSize;
