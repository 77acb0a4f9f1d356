import type { HostFacts } from "../host/types.ts";
import type { HostConfig } from "../stacks/types.ts";

/** What keeps a daemon running, after `auto` has been settled by the probe. */
export type ServiceKind = "process" | "systemd-user" | "systemd-system";

/**
 * Settles `service: auto`: systemd where it is process 1, else a supervised process.
 * @throws Error where the stack names a kind that the host cannot have
 */
export function serviceKind(
  name: string,
  host: Pick<HostConfig, "service" | "scope">,
  facts: Pick<HostFacts, "systemd">,
): ServiceKind {
  const systemd = host.scope === "system" ? "systemd-system" : "systemd-user";
  if (host.scope === "system" && (host.service === "process" || !facts.systemd.pid1))
    throw new Error(
      `hosts.${name}.scope: system, wanted a host whose process 1 is systemd, and service: auto, systemd or docker, for anything else would run the daemons as root; next: write scope: user`,
    );
  switch (host.service) {
    case "process":
      return "process";
    case "auto":
      return facts.systemd.pid1 ? systemd : "process";
    case "systemd":
    case "docker": // bazel-remote alone runs in a container; sccache compiles, so it stays on the host
      if (host.service === "systemd" && !facts.systemd.pid1) {
        throw new Error(
          `hosts.${name}.service: systemd, wanted a host whose process 1 is systemd; next: write service: process, or leave the key out`,
        );
      }
      return facts.systemd.pid1 ? systemd : "process";
    default:
      return host.service satisfies never;
  }
}
