import type { HostPaths } from "../../plan/paths.ts";
import type { ServiceKind } from "../../plan/service-kind.ts";
import type { CachePlan } from "../../plan/sizing.ts";
import type { HostConfig } from "../../stacks/types.ts";
import type { Store } from "../store.ts";

/** What every resource script of a host is made from; one plain value, so that rendering stays pure. */
export type ResourceInput = {
  /** The stack that owns what it applies. */
  owner: string;
  /** See plan/generation.ts. */
  generation: number;
  host: HostConfig;
  plan: CachePlan;
  paths: HostPaths;
  /** What keeps daemons running there. */
  kind: ServiceKind;
  /** Absolute paths of the programs on the host. */
  tools: { sccache: string; "bazel-remote": string; moon: string };
  store: Store;
  /** User that system units of sccache run as: the one that builds. */
  user: string;
  /** How bazel-remote runs in a container, with `service: docker`; sccache compiles, so it stays on the host. */
  container?: ContainerChoice;
};

/** Which container, and as whom. */
export type ContainerChoice = {
  /** Its name: one per stack and host, so that two stacks that take turns do not meet. */
  name: string;
  /** Image by digest. */
  image: string;
  /** User and group in it, `UID:GID`. */
  user: string;
  /** Where this machine's docker server is, as its client says; a host over ssh has its own. */
  endpoint?: string;
  /** The directory and the keys have to be given to that user: it is not the host's own. */
  given: boolean;
};

/** Head of a resource's script. */
export function head(
  input: Pick<ResourceInput, "owner" | "generation" | "host" | "paths">,
  resource: string,
) {
  const { owner, generation, host, paths } = input;
  return { resource, owner, generation, scope: host.scope, home: paths.home };
}
