import type * as pulumi from "@pulumi/pulumi";
import type { HostFacts, Observed } from "../host/types.ts";
import type { HostDecisions, HostSettings } from "../plan/host-decisions.ts";
import type { Store } from "../plan/store.ts";
import type { LibrarySums } from "../render/lib/library-resource.ts";
import type { S3KeyInputs } from "./s3-keys.ts";

/** What every resource of one host shares. */
export interface HostConnection {
  /** The host's name in the stack. */
  readonly name: string;
  /** The stack that owns what it applies. */
  readonly owner: string;
  /** Argv prefix that runs `sh -s -- WORDS` on the host. */
  readonly prefix: pulumi.Input<readonly string[]>;
  /** The machine and user, see {@link hostAddress}: what was applied there is removed when they change. */
  readonly address: pulumi.Input<string>;
  /** What the host's ledgers reported when the program probed it. */
  readonly observed: Observed;
  /** Epoch seconds of this run: the generation of a resource that has no ledger. */
  readonly nowSeconds: number;
  /** Unknown in a preview that cannot render any script, because the host does not exist yet; else not set. */
  readonly scripts?: pulumi.Output<unknown>;
  /** What must exist before the host's first resource, beside the address. */
  readonly dependsOn?: pulumi.CustomResourceOptions["dependsOn"];
}

/** One host as its resources are declared from it: its connection, and everything that was decided about it. */
export interface HostDescription extends Omit<HostDecisions, "settings"> {
  readonly host: HostConnection;
  /** sha256 of each of warmbox's scripts that are installed on the host. */
  readonly library: LibrarySums;
  /** What every resource script is rendered from. */
  readonly input: HostSettings;
  /** The host's processor, as the kernel names it. */
  readonly arch: HostFacts["arch"];
  /** End the `up` with a proof that every tier hits. */
  readonly proof: boolean;
}

/** S3 as the hosts of a program share it. */
export interface SharedS3 {
  /** Keys of the store; none with a role, and none if the embedded server's host makes its own. */
  readonly keys?: S3KeyInputs | undefined;
  /** Name of the bucket, if a resource makes it. */
  readonly bucket?: pulumi.Input<string>;
  /** The policy to attach to the hosts' role, if a resource makes it. */
  readonly policyArn?: pulumi.Input<string> | undefined;
  /** What must exist before a daemon asks the store. */
  readonly dependsOn: pulumi.Resource[];
}

/** What a component of a host's tier is made from. */
export interface TierArgs {
  readonly host: HostConnection;
  readonly input: HostSettings;
  /** The store behind the caches, if parts of it come from resources; default: the input's. */
  readonly store?: pulumi.Input<Store> | undefined;
}
