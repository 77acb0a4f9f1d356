import type { ContainerSpec } from "../../render/bazel-remote/bazel-remote-container.ts";

/**
 * The flags of `docker create` for the arguments of a container as the program declares them: what the provider sends
 * to the daemon, said by docker's own command line. An argument without a flag here is an error, so none goes untested.
 *
 * What the provider alone acts on has no flag: `mustRun` and `destroyGraceSeconds`.
 */
export function runFlags(spec: ContainerSpec, image: string): string[] {
  const flags = Object.entries(spec).flatMap(([key, value]) => {
    const flag = FLAGS[key as keyof ContainerSpec];
    if (flag === undefined) throw new Error(`no flag of docker is known for ${key}`);
    return (flag as (value: unknown) => string[])(value);
  });
  return [...flags, image, ...spec.command];
}

type Flags = { [key in keyof ContainerSpec]: (value: ContainerSpec[key]) => string[] };

const FLAGS: Flags = {
  name: (name) => ["--name", name],
  command: () => [], // after the image
  user: (user) => ["--user", user],
  networkMode: (mode) => ["--network", mode],
  usernsMode: (mode) => ["--userns", mode],
  envs: (all) => all.flatMap((one) => ["--env", one]),
  mounts: (all) =>
    all.flatMap(({ type, source, target, readOnly }) => [
      "--mount",
      `type=${type},"source=${source}","target=${target}"${readOnly ? ",readonly" : ""}`,
    ]),
  memory: (mib) => ["--memory", `${mib}m`],
  memorySwap: (mib) => ["--memory-swap", `${mib}m`],
  ulimits: (all) => all.flatMap(({ name, soft, hard }) => ["--ulimit", `${name}=${soft}:${hard}`]),
  readOnly: (yes) => (yes ? ["--read-only"] : []),
  securityOpts: (all) => all.flatMap((one) => ["--security-opt", one]),
  capabilities: ({ drops }) => drops.flatMap((drop) => ["--cap-drop", drop]),
  init: (yes) => [`--init=${yes}`],
  restart: (policy) => ["--restart", policy],
  mustRun: () => [],
  stopTimeout: (seconds) => ["--stop-timeout", `${seconds}`],
  destroyGraceSeconds: () => [],
  logDriver: (driver) => ["--log-driver", driver],
  logOpts: (options) => Object.entries(options).flatMap(([key, value]) => ["--log-opt", `${key}=${value}`]),
  labels: (all) => all.flatMap(({ label, value }) => ["--label", `${label}=${value}`]),
};
