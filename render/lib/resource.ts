import type { HostSettings } from "../../plan/host-decisions.ts";

/** What every resource script of a host is made from; one plain value, so that rendering stays pure. */
export type ResourceInput = HostSettings & {
  /** The stack that owns what it applies. */
  owner: string;
  /** See plan/generation.ts. */
  generation: number;
};

/** Head of a resource's script. */
export function head(
  input: Pick<ResourceInput, "owner" | "generation" | "host" | "paths">,
  resource: string,
) {
  const { owner, generation, host, paths } = input;
  return { resource, owner, generation, scope: host.scope, home: paths.home };
}
