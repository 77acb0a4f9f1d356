// @ts-check
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { BuildHost } from "warmbox";

const config = new pulumi.Config();

/**
 * In place of a machine of your provider, such as `new hcloud.Server("forge", {...})`: a command that starts one and
 * prints the port of its sshd. Like a provider, it returns when the machine exists, and ssh knows the host's key.
 */
const machine = new local.Command("machine", {
  create: config.require("start"),
  delete: config.require("stop"),
});

/** The first preview cannot know the port. The `up` probes the machine after it exists. */
const box = new BuildHost(
  "forge",
  {
    reach: { kind: "ssh", host: config.require("host"), port: machine.stdout.apply(Number) },
    service: "process",
    sccache: { max_size: config.get("cacheSize") ?? "2GiB" },
    "bazel-remote": { enabled: false },
    moon: { enabled: false },
  },
  { dependsOn: machine },
);

export const sccache = box.sccache.maxSize;
export const cargoHome = box.cargoHome;
