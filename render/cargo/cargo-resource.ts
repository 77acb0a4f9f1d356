import { scriptPath } from "../../plan/paths.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { type CargoSettings, cargoBlock, cargoBlockClash, cargoConfig } from "./cargo-config.ts";
import { rustcWrapper } from "./rustc-wrapper.ts";

/** Our file in CARGO_HOME. */
const FILE = "warmbox.toml";

/**
 * Script of the `cargo` resource: the rustc-wrapper, then our settings, last the one line (or block) in the user's
 * `config.toml` that puts them to use.
 */
export function cargoScript(input: ResourceInput): string {
  const { host, plan, paths } = input;
  const rustcWrapperPath = `${paths.bin}/rustc-wrapper`;
  const settings: CargoSettings = {
    plan,
    cargo: host.cargo,
    rustcWrapper: host.sccache.enabled ? rustcWrapperPath : undefined,
  };
  const config = scriptPath(paths, `${paths.cargoHome}/config.toml`);
  const wrapper: Step = {
    do: "put",
    path: scriptPath(paths, rustcWrapperPath),
    mode: "0755",
    check: "sh",
    text: rustcWrapper({
      sccachePath: input.tools.sccache,
      confPath: paths.sccacheConfig,
      port: plan.sccache.port,
    }),
  };
  return resourceScript(head(input, "cargo"), [
    ...(host.sccache.enabled ? [wrapper] : []),
    ...(host.cargo.config === "include"
      ? includeSteps(input, config, settings)
      : [blockStep(config, settings)]),
  ]);
}

function includeSteps({ paths }: ResourceInput, config: string, settings: CargoSettings): Step[] {
  const path = scriptPath(paths, `${paths.cargoHome}/${FILE}`);
  return [
    { do: "put", path, mode: "0644", check: "cargo", text: cargoConfig(settings) },
    { do: "include", path: config, file: FILE },
  ];
}

function blockStep(path: string, settings: CargoSettings): Step {
  return { do: "block", path, mark: "cargo", absent: cargoBlockClash(settings), text: cargoBlock(settings) };
}
