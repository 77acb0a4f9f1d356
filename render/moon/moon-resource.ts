import { below, scriptPath } from "../../plan/paths.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { grpcUrl, moonEnvFile, moonEnvironmentD, moonPamBlock, moonProfileBlock } from "./moon-env.ts";
import { MOON_REMOTE_CLASH, moonRemoteBlock } from "./moon-remote-block.ts";
import { moonWrapper } from "./moon-wrapper.ts";

/**
 * Script of the `moon` resource: the environment of builds, in every place from which a session takes one: moon's
 * settings, and CARGO_HOME where that is not cargo's default.
 *
 * User scope: `environment.d` (units, desktop), a file to source, and a line that sources it in `~/.profile` (login
 * shells) and `~/.bashrc` (interactive ones). `~/.pam_environment` is not written: PAM no longer reads it. A shell that
 * reads none of these (`sh -c`, `ssh HOST COMMAND`, cron) gets the environment from `warmbox-run`.
 * System scope: `/etc/environment` by PAM reaches those too.
 */
export function moonScript(input: ResourceInput): string {
  const { host, paths } = input;
  const envPath = scriptPath(paths, `${paths.config}/env`);
  const blocks = host.moon.workspaces.filter(({ remote_block }) => remote_block && host.moon.enabled);
  return resourceScript(head(input, "moon"), [
    { do: "put", path: envPath, mode: "0644", check: "sh", text: moonEnvFile(input) },
    ...(host.moon.enabled ? [wrapperStep(input)] : []),
    ...(host.scope === "system" ? systemSteps(input) : userSteps(input)),
    ...blocks.map(({ path }) => workspaceBlock(input, path)),
  ]);
}

/** moon as sessions find it: it refuses a mode that moon would misread, and is ended when its server hangs. */
function wrapperStep({ host, paths, tools, store }: ResourceInput): Step {
  const text = moonWrapper({
    moonPath: tools.moon,
    httpGetPath: `${paths.bin}/http-get`,
    httpAddress: host["bazel-remote"].http_address,
    remoteHost: grpcUrl(host["bazel-remote"]),
    store: store.kind !== "none",
  });
  return { do: "put", path: scriptPath(paths, `${paths.wrappers}/moon`), mode: "0755", check: "sh", text };
}

/** Sorts after the distribution's own files, so that warmbox's values win. */
const ENVIRONMENT_D = "60-warmbox.conf";

function userSteps(input: ResourceInput): Step[] {
  const text = moonProfileBlock(`${input.paths.config}/env`);
  return [
    {
      do: "put",
      path: `.config/environment.d/${ENVIRONMENT_D}`,
      mode: "0644",
      text: moonEnvironmentD(input),
    },
    { do: "block", path: ".profile", mark: "moon", text },
    { do: "block", path: ".bashrc", mark: "moon", text },
  ];
}

function systemSteps(input: ResourceInput): Step[] {
  return [
    { do: "put", path: `/etc/environment.d/${ENVIRONMENT_D}`, mode: "0644", text: moonEnvironmentD(input) },
    { do: "put", path: "/etc/profile.d/warmbox.sh", mode: "0644", check: "sh", text: moonEnvFile(input) },
    { do: "block", path: "/etc/environment", mark: "moon", text: moonPamBlock(input) },
  ];
}

function workspaceBlock({ host, paths }: ResourceInput, workspace: string): Step {
  const path = scriptPath(paths, `${below(paths.home, workspace)}/.moon/workspace.yml`);
  return { do: "block", path, mark: "moon", absent: MOON_REMOTE_CLASH, text: moonRemoteBlock(host) };
}
