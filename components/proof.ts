import { createHash } from "node:crypto";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { bazelRemoteScript } from "../render/bazel-remote/bazel-remote-resource.ts";
import { cargoScript } from "../render/cargo/cargo-resource.ts";
import { proofResourceScript } from "../render/lib/proof-resource.ts";
import type { ResourceInput } from "../render/lib/resource.ts";
import { moonScript } from "../render/moon/moon-resource.ts";
import { sccacheScript } from "../render/sccache/sccache-resource.ts";
import type { TierArgs } from "./description.ts";
import { hostResource } from "./host-resource.ts";

/** A proof of one host. */
export interface ProofArgs extends TierArgs {
  /** sha256 of `prove.sh`. */
  readonly prove: string;
}

/**
 * The last child of a host: shows that every tier really hits, since each of them fails silently. It runs when a tier's
 * script changed, takes seconds, and fails the `up` with the cause and the next step; the tier that failed is put back to
 * what was proved last.
 */
export class Proof extends pulumi.ComponentResource {
  constructor(name: string, args: ProofArgs, opts: pulumi.ComponentResourceOptions) {
    super("warmbox:index:Proof", name, {}, opts);
    const { host, input } = args;
    const script = (): string =>
      proofResourceScript(checksum(input, args.prove), { ...input, owner: host.owner });
    const { Stdout } = local.Logging; // a tier that was skipped is shown, not only kept
    hostResource({ host, resource: "proof", script, logging: Stdout }, { parent: this });
    this.registerOutputs({});
  }
}

/** Of the prover and all tiers' scripts but for their ownership, so that a repair alone does not run the proof again. */
function checksum(input: TierArgs["input"], prove: string): string {
  const whole: ResourceInput = { ...input, owner: "", generation: 0 };
  const { sccache, cargo, moon, "bazel-remote": remote } = input.host;
  const parts = [
    prove,
    sccache.enabled ? sccacheScript(whole) : "",
    remote.enabled ? bazelRemoteScript(whole) : "",
    cargo.enabled ? cargoScript(whole) : "",
    moon.enabled ? moonScript(whole) : "",
  ];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);
}
