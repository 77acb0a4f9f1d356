import { scriptPath } from "../../plan/paths.ts";
import { pathsSeenBy, storeSeenBy, unitCredentials } from "../../plan/store.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { sccacheConfig } from "./sccache-config.ts";
import {
  type SccacheRunInput,
  sccacheEnvironment,
  sccacheLiveCommand,
  sccacheRun,
  sccacheStopCommand,
} from "./sccache-run.ts";
import { sccacheUnit } from "./sccache-unit.ts";

/** Seconds until the port must be open: the server builds its index later, so a start takes a fraction of one. */
const READY_SECONDS = 30;
/** The line that the server must show for the size in a configuration. */
const SIZE_LINE =
  '$1 == "[cache.disk]" { disk = 1 } disk && $1 == "size" { print "max_cache_size " $3; exit }';
/** Seconds until a stop is enforced: running compiles may end for ten. */
const STOP_SECONDS = 20;

/** Script of the `sccache` resource: cache directory, configuration, the server, and its cap as it is in force. */
export function sccacheScript(input: ResourceInput): string {
  const { host, plan, paths, store } = input;
  const run: SccacheRunInput = {
    plan,
    sccache: host.sccache,
    store,
    paths: pathsSeenBy("sccache", input.kind, paths),
    toolPath: input.tools.sccache,
  };
  const service = serviceSteps(input, run);
  return resourceScript(head(input, "sccache"), [
    ...(input.kind === "systemd-system" ? [] : [cacheDirectory(input)]), // such a unit makes its own, for its own user
    {
      do: "put",
      path: scriptPath(paths, paths.sccacheConfig),
      mode: "0644",
      check: "sccache",
      reader: input.tools.sccache,
      text: sccacheConfig(plan, host.sccache, storeSeenBy("sccache", input.kind, store)),
    },
    ...service,
    {
      do: "live",
      name: "sccache",
      of: scriptPath(paths, paths.sccacheConfig),
      awk: SIZE_LINE,
      command: sccacheLiveCommand(run),
    },
  ]);
}

function cacheDirectory({ host, plan, paths }: ResourceInput): Step {
  return { do: "directory", path: scriptPath(paths, plan.sccache.dir), mode: "0700", purge: host.purge };
}

function serviceSteps(input: ResourceInput, run: SccacheRunInput): Step[] {
  const { kind, paths, plan, host } = input;
  const common = {
    do: "service",
    name: "sccache",
    kind,
    ready: `tcp 127.0.0.1:${plan.sccache.port}`,
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  } as const;
  if (kind === "process") {
    const file = scriptPath(paths, `${paths.run}/sccache`);
    const log = scriptPath(paths, `${paths.log}/sccache.log`);
    return [
      { do: "put", path: file, mode: "0755", check: "sh", text: sccacheRun(run) },
      { ...common, file, stop: sccacheStopCommand(run), log },
    ];
  }
  const file = scriptPath(paths, `${paths.units}/sccache.service`);
  const text = sccacheUnit(plan, {
    toolPath: run.toolPath,
    configPath: paths.sccacheConfig,
    scope: host.scope,
    user: input.user,
    environment: sccacheEnvironment(run),
    credentials: unitCredentials(input.store, kind, paths),
  });
  return [
    { do: "put", path: file, mode: "0644", check: "unit", text },
    { ...common, file },
  ];
}
