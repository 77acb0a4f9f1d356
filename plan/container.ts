import type { HostFacts } from "../host/types.ts";
import { ConfigError, keyPath } from "../stacks/issue.ts";
import type { HostConfig } from "../stacks/types.ts";
import { BAZEL_REMOTE_IMAGE } from "../stacks/versions.ts";

/** The container of bazel-remote with `service: docker`. */
export type ContainerChoice = {
  /** Its name, one per stack and host: two stacks that use a host in turn have different containers. */
  name: string;
  /** Image by digest. */
  image: string;
  /** User and group in it, `UID:GID`. */
  user: string;
  /** Address of this machine's docker server, as its client reports it; a host over ssh has its own server. */
  endpoint?: string;
  /** True if that user is not the host's own, so that directory and keys have to be given to it. */
  owned: boolean;
};

/** One host, its owner, and its facts. */
export type ContainerContext = {
  readonly name: string;
  readonly host: HostConfig;
  readonly owner: string;
  readonly facts: HostFacts;
};

/**
 * User and group of bazel-remote's image, who have no rights on a host. An ordinary user of a host replaces them in the
 * container: the cache's files then belong to that user under every kind of service, and a switch of the kind moves
 * nothing.
 */
const IMAGE_USER = 65532;

/**
 * The container of a host with `service: docker`, undefined without one. It runs as the host's user, who owns the cache
 * under every kind of service; as root, and in `scope: system`, it runs as the image's user.
 * @throws ConfigError if no docker server answers the host's user, or it is rootless and remaps every uid
 */
export function containerOf({ name, host, owner, facts }: ContainerContext): ContainerChoice | undefined {
  if (host.service !== "docker" || !host["bazel-remote"].enabled) return undefined;
  const { user, dockerEndpoint } = facts;
  requireDocker(name, facts);
  const usesImageUser = user.uid === 0 || host.scope === "system";
  return {
    name: `warmbox-${owner}-${name}-bazel-remote`.replace(/[^\w.-]/g, "_"),
    image: host["bazel-remote"].image ?? BAZEL_REMOTE_IMAGE,
    user: usesImageUser ? `${IMAGE_USER}:${IMAGE_USER}` : `${user.uid}:${user.gid}`,
    ...(host.reach.kind === "local" && dockerEndpoint !== undefined ? { endpoint: dockerEndpoint } : {}),
    owned: usesImageUser,
  };
}

function requireDocker(name: string, { user, docker, dockerRootless }: HostFacts): void {
  const refuse = (expected: string, next: string): never => {
    throw new ConfigError([{ path: keyPath(["hosts", name, "service"]), got: "docker", expected, next }]);
  };
  if (dockerRootless === true)
    refuse(
      `a docker server that runs as root: the rootless one there gives the cache's files to other uids than ${user.uid}`,
      "write service: process, or leave the key out",
    );
  if (docker === null)
    refuse(
      `a docker server that answers ${user.name} there`,
      `start it and put ${user.name} into the group docker, or write service: process, or leave the key out`,
    );
}
