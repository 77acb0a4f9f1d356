import command from "@pulumi/command/package.json" with { type: "json" };
import * as pulumi from "@pulumi/pulumi";

/**
 * Lets the engine start the `command` plugin while the hosts are probed: it would start it at the first resource that
 * needs it, and both take about as long. Asked for a function that the plugin does not have, the engine starts it and
 * hands back the plugin's refusal, which is not shown.
 */
export function startCommandPlugin(): void {
  pulumi.runtime.invoke("command:warmbox:start", {}, { version: command.version }).catch(() => {});
}
