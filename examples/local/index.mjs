// @ts-check
import * as pulumi from "@pulumi/pulumi";
import { BuildHost } from "warmbox";

const config = new pulumi.Config();

/** This machine. `pulumi config set cacheSize 20GiB` changes the size; a preview then shows the changed lines. */
const box = new BuildHost("here", {
  service: "process",
  agents: { total: 4, active: 2 },
  sccache: { port: config.getNumber("sccachePort") ?? 4226, max_size: config.get("cacheSize") ?? "2GiB" },
  "bazel-remote": { enabled: false },
  moon: { enabled: false },
});

export const sccache = box.sccache.maxSize;
export const jobs = box.plan.jobs;
