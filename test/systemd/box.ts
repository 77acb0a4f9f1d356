/** A host in a container: the pinned binaries, the rendered settings and units of both daemons, as `up` would leave them. */
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { type HostPaths, hostPaths } from "../../plan/paths.ts";
import { planHost } from "../../plan/sizing.ts";
import { NO_STORE } from "../../plan/store.ts";
import { bazelRemoteConfig } from "../../render/bazel-remote/bazel-remote-config.ts";
import { bazelRemoteEnvironment } from "../../render/bazel-remote/bazel-remote-run.ts";
import { bazelRemoteUnit } from "../../render/bazel-remote/bazel-remote-unit.ts";
import type { ResourceInput } from "../../render/lib/resource.ts";
import { sccacheConfig } from "../../render/sccache/sccache-config.ts";
import { sccacheUnit } from "../../render/sccache/sccache-unit.ts";
import type { UnitScope } from "../../render/systemd/unit-shared.ts";
import { gib } from "../../stacks/bytes.ts";
import { PINNED } from "../../stacks/versions.ts";
import { disk, hostOf, machine } from "../plan/machine.ts";
import { toolPath } from "../tools.ts";
import type { Container } from "./container.ts";
import { USER, USER_ID } from "./rootfs.ts";

const HOME = `/home/${USER}`;

/** Below the hard limit of most machines: one without CAP_SYS_RESOURCE cannot give a service more than it has itself. */
const OPEN_FILES = 4321;

/** Where both tools lie in the container, whatever the scope. */
export const TOOLS = {
  sccache: `/usr/local/share/warmbox/tools/sccache/${PINNED.sccache}/sccache`,
  "bazel-remote": `/usr/local/share/warmbox/tools/bazel-remote/${PINNED["bazel-remote"]}/bazel-remote`,
} as const;

/** moon runs in no unit: it is not installed in the container. */
const NO_MOON = { moon: "" };

/** A file for the container: absolute path and content. */
export type BoxFile = { path: string; text: string };

/** What `installBox` puts there: the plan it follows from, and every file. */
export type Box = {
  /** What resource scripts are rendered from. */
  input: ResourceInput;
  plan: CachePlan;
  paths: HostPaths;
  files: BoxFile[];
  units: { [tool in keyof typeof TOOLS]: BoxFile };
};

/** The same box by its declared sizes, without a container. Sizes differ from every default of the tools. */
export function boxOf(scope: UnitScope, sizes: { "bazel-remote": string; sccache: string }): Box {
  const cacheRoot = scope === "system" ? "/var/cache" : `${HOME}/.cache`;
  const host = hostOf({
    scope,
    sccache: { max_size: sizes.sccache },
    "bazel-remote": { max_size: sizes["bazel-remote"] },
  });
  const facts = machine(gib(16), 2, gib(400), {
    user: { name: USER, uid: USER_ID, gid: USER_ID, home: HOME },
    disks: {
      sccache: disk(`${cacheRoot}/sccache`, gib(400)),
      "bazel-remote": disk(`${cacheRoot}/bazel-remote`, gib(400)),
    },
  });
  const plan = planHost(facts, host, "box");
  plan.bazelRemote.LimitNOFILE = OPEN_FILES;
  const paths = hostPaths(host, HOME, `${HOME}/.cargo`);
  const { sccacheConfig: sccacheConf, bazelRemoteConfig: remoteConf } = paths;
  const remote = host["bazel-remote"];
  const units: Box["units"] = {
    "bazel-remote": {
      path: `${paths.units}/bazel-remote.service`,
      text: bazelRemoteUnit(plan, {
        toolPath: TOOLS["bazel-remote"],
        configPath: remoteConf,
        scope,
        environment: bazelRemoteEnvironment({ plan, remote }),
      }),
    },
    sccache: {
      path: `${paths.units}/sccache.service`,
      text: sccacheUnit(plan, {
        toolPath: TOOLS.sccache,
        configPath: sccacheConf,
        scope,
        user: USER,
        environment: {},
      }),
    },
  };
  const settings = [
    { path: remoteConf, text: bazelRemoteConfig(plan, remote, NO_STORE, paths) },
    { path: sccacheConf, text: sccacheConfig(plan, host.sccache, NO_STORE) },
  ];
  const input: ResourceInput = {
    ...{
      owner: "local",
      generation: 1,
      host,
      plan,
      paths,
      store: NO_STORE,
      user: USER,
      tools: { ...TOOLS, ...NO_MOON },
    },
    kind: `systemd-${scope}`,
  };
  return { input, plan, paths, files: [...settings, ...Object.values(units)], units };
}

/** Copies the pinned binaries into the container. */
export async function installTools(container: Container): Promise<void> {
  for (const name of ["sccache", "bazel-remote"] as const) {
    const target = join(container.root, TOOLS[name]);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(await toolPath(name), target);
    chmodSync(target, 0o755);
  }
}

/** Puts the box's files and, in user scope, its cache directory into the container, owned by whom they belong to. */
export async function installBox(container: Container, scope: UnitScope, box: Box): Promise<void> {
  for (const { path, text } of box.files) {
    mkdirSync(dirname(join(container.root, path)), { recursive: true });
    writeFileSync(join(container.root, path), text);
  }
  if (scope === "system") return;
  mkdirSync(join(container.root, box.plan.bazelRemote.dir), { recursive: true });
  await container.demand(["chown", "--recursive", `${USER}:`, HOME]);
}
