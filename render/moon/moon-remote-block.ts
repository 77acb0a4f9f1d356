import { stringify } from "yaml";
import type { HostConfig } from "../../stacks/types.ts";
import { grpcUrl } from "./moon-env.ts";

/** Extended regular expression for a line of `.moon/workspace.yml` that settles the matter already. */
export const MOON_REMOTE_CLASH = "^(remote|unstable_remote)[[:space:]]*:";

/**
 * The `remote:` block of a workspace that asks for it (`remote_block: true`). It changes every task's hash once, and
 * binds the repository to this host's address: the environment, which moon does not hash, is the better place.
 * @see https://moonrepo.dev/docs/config/workspace#remote
 */
export function moonRemoteBlock(host: Pick<HostConfig, "moon" | "bazel-remote">): string {
  return stringify({
    remote: { host: grpcUrl(host["bazel-remote"]), cache: { compression: host.moon.compression } },
  });
}
