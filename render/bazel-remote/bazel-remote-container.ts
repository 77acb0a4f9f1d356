import { createHash } from "node:crypto";
import type { ContainerChoice } from "../../plan/container.ts";
import { scriptPath } from "../../plan/paths.ts";
import { credentialsPath, marked, type Store } from "../../plan/store.ts";
import { dockerMegabytes } from "../../stacks/bytes.ts";
import { shellWord } from "../../stacks/shell.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { bazelRemoteConfig } from "./bazel-remote-config.ts";
import { cacheDirectory, liveSteps, readiness } from "./bazel-remote-resource.ts";
import { bazelRemoteEnvironment } from "./bazel-remote-run.ts";
import { STOP_SECONDS } from "./bazel-remote-unit.ts";

/** What runs bazel-remote in a container on a host. */
export type ContainerInput = ResourceInput & { container: ContainerChoice };

/** Size of one log file and their number: with access_log_level none a start is 2 KiB and the rest is errors. */
const LOG = { "max-size": "10m", "max-file": "3" };

/** Keys of bazel-remote's own that name a file of the host; the container sees it under the same name. */
const FILE_KEYS = /^(tls_cert_file|tls_key_file|tls_ca_file|htpasswd_file|cert_file|key_file|ca_file)$/;

/**
 * Arguments of the container, in the words of `@pulumi/docker`; `image` comes from the pulled image.
 *
 * - The host's network: it listens on exactly the addresses of the stack, loopback by default, without docker's proxy,
 *   and reaches a store on loopback. The image's own profiler on :6060 stays off: with a configuration file bazel-remote
 *   ignores the flags of the image's entrypoint, and `--profile_address` says so again.
 * - The same paths inside and outside, so that the configuration reads the same whichever way it is run.
 * - No health check inside, so `docker ps` shows no health: the image has no shell and no HTTP client, and its one
 *   program cannot ask itself. It is asked from outside, see {@link bazelRemoteContainerScript}, and by every probe.
 * - `memory` ends what `MemoryHigh` only slows: kernel memory of scanned files is reclaimed before it comes to that.
 *   No swap: an index that is paged in is slower than a miss.
 *
 * @see https://www.pulumi.com/registry/packages/docker/api-docs/container/
 */
export function bazelRemoteContainer(input: ContainerInput) {
  const { plan, paths, container } = input;
  const memory = dockerMegabytes(plan.bazelRemote.MemoryHigh, "ceil");
  const files = plan.bazelRemote.LimitNOFILE;
  return {
    name: container.name,
    command: ["--config_file", paths.bazelRemoteConfig, "--profile_address", "none"],
    user: container.user,
    networkMode: "host",
    usernsMode: "host", // uids are the host's, also where the daemon remaps them
    envs: environment(input),
    mounts: mounts(input),
    memory,
    memorySwap: memory,
    ulimits: [{ name: "nofile", soft: files, hard: files }],
    readOnly: true,
    securityOpts: ["no-new-privileges:true"],
    capabilities: { drops: ["ALL"] },
    init: false,
    restart: "unless-stopped",
    mustRun: true,
    stopTimeout: STOP_SECONDS,
    destroyGraceSeconds: STOP_SECONDS,
    logDriver: "json-file",
    logOpts: LOG,
    labels: labels(input),
  };
}

/** @see bazelRemoteContainer */
export type ContainerSpec = ReturnType<typeof bazelRemoteContainer>;

function environment({ plan, host, store }: ContainerInput): string[] {
  const variables = bazelRemoteEnvironment({ plan, remote: host["bazel-remote"], store });
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function mounts(input: ContainerInput) {
  const { plan, paths, store, host } = input;
  const mounts = [
    paths.bazelRemoteConfig,
    ...(hasKeys(store) ? [credentialsPath(pathsInside(input))] : []),
    ...(store.kind === "gcs" && store.credentials.kind === "file" ? [store.credentials.path] : []),
    ...filesOf(host["bazel-remote"].settings),
  ];
  const bind = (path: string, readOnly: boolean) => ({ type: "bind", source: path, target: path, readOnly });
  return [bind(plan.bazelRemote.dir, false), ...[...new Set(mounts)].map((path) => bind(path, true))];
}

/** Files that the stack's own settings name, on any level. */
function filesOf(settings: object): string[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (typeof value === "object" && value !== null) return filesOf(value);
    return FILE_KEYS.test(key) && typeof value === "string" ? [value] : [];
  });
}

/**
 * Owner and configuration of the container. A container keeps the configuration that it was started with, so `warmbox.config`
 * changes with the file's text, and with each time the file was put back: then the container is created again.
 */
function labels(input: ContainerInput) {
  const { owner, generation, plan } = input;
  const port = /:(\d+)(\/| |$)/.exec(readiness(input).ready)?.[1] ?? "";
  const digest = createHash("sha256").update(config(input)).digest("hex");
  return Object.entries({
    "warmbox.config": `${digest.slice(0, 16)}.${generation}`,
    "warmbox.dir": plan.bazelRemote.dir,
    "warmbox.owner": owner,
    "warmbox.port": port,
  }).map(([label, value]) => ({ label, value }));
}

function config(input: ContainerInput): string {
  const { plan, host, store } = input;
  return bazelRemoteConfig(plan, host["bazel-remote"], store, pathsInside(input));
}

function hasKeys(store: Store): boolean {
  return store.kind === "s3" && store.credentials === "keys";
}

/** The keys' file is readable by its owner alone; another user gets a copy in a separate directory. */
function pathsInside({ paths, container }: ContainerInput): { config: string } {
  return container.owned ? { config: `${paths.config}/bazel-remote-container` } : paths;
}

/**
 * Script of the `bazel-remote` resource of a host with a container: all that must be there before the container.
 * A container of another stack on this directory stops first: two on one directory spoil each other's accounting.
 */
export function bazelRemoteFilesScript(input: ContainerInput): string {
  const { paths, container } = input;
  const owner = container.owned ? container.user : undefined;
  return resourceScript({ ...head(input, "bazel-remote"), before: makeRoom(input) }, [
    { ...cacheDirectory(input), owner },
    {
      do: "put",
      path: scriptPath(paths, paths.bazelRemoteConfig),
      mode: "0644",
      check: "bazel-remote",
      text: config(input),
    },
    ...(hasKeys(input.store) && owner !== undefined ? keysCopy(input, owner) : []),
  ]);
}

/** Pulumi's state keeps a container that is gone; only a refresh asks docker. */
function isThere({ container }: ContainerInput): string {
  const name = shellWord(container.name);
  return `  said=$(docker container inspect --format . ${name} 2>&1) || {
    echo "warmbox: docker does not show the container "${name}": $said; next: if it was removed, ./warmbox up --refresh creates it again" >&2
    exit 78
  }`;
}

function makeRoom({ plan, container }: ContainerInput): string {
  const filter = shellWord(`label=warmbox.dir=${plan.bazelRemote.dir}`);
  return `  docker ps --filter ${filter} --format '{{.Names}}' | while read -r other; do
    [ "$other" = ${shellWord(container.name)} ] || docker stop --time ${STOP_SECONDS} "$other" >&2 </dev/null
  done`;
}

function keysCopy(input: ContainerInput, owner: string): Step[] {
  const { paths, store } = input;
  const inside = pathsInside(input);
  const mark = Object.values(marked(store)).join(" ");
  return [
    { do: "directory", path: scriptPath(paths, inside.config), mode: "0700", owner },
    {
      do: "put-made",
      path: scriptPath(paths, credentialsPath(inside)),
      mode: "0600",
      function: "container_keys",
      definition: `# The keys for the container's own user; they are ${mark}.\ncontainer_keys() { cat ${shellWord(credentialsPath(paths))}; }\n`,
    },
  ];
}

/**
 * Script of the `bazel-remote-container` resource: the container runs, answers, and has the cap of the plan. A container
 * that does not is drift here, since docker has no health check for it, and `up` starts a stopped container again.
 */
export function bazelRemoteContainerScript(input: ContainerInput): string {
  return resourceScript({ ...head(input, "bazel-remote-container"), before: isThere(input) }, [
    {
      do: "service",
      name: "bazel-remote",
      kind: "container",
      file: input.container.name,
      ...readiness(input),
      stopSeconds: STOP_SECONDS,
    },
    ...liveSteps(input),
  ]);
}
