import * as pulumi from "@pulumi/pulumi";
import { BuildHost } from "./build-host.ts";
import type { SharedS3 } from "./description.ts";
import { unchanged } from "./host-resource.ts";
import type { UnreachableHost } from "./inspect.ts";

/**
 * Lets a run go on with the hosts that answer. In a preview the others' resources stay declared, as the state has them,
 * so that none is shown as deleted. In an update they are not declared, and the program ends with an error: then Pulumi
 * deletes nothing, so their part of the state stays to the byte.
 * @returns what the stack's outputs say of them, by name
 */
export function leaveUnreachable(
  hosts: readonly UnreachableHost[],
  shared: SharedS3 | undefined,
): Record<string, string> {
  for (const host of hosts) {
    if (pulumi.runtime.isDryRun()) preview(host, shared);
    else failInTheEnd(`${host.message}\n  nothing of it was changed; the hosts that answer go on`);
  }
  return Object.fromEntries(hosts.map(({ box }) => [box.host.name, "did not answer"]));
}

function preview({ message, box, declared }: UnreachableHost, shared: SharedS3 | undefined): void {
  const opts = declared ? {} : { transformations: [unchanged] };
  const consequence = declared
    ? `previewed from hosts.${box.host.name}.facts: what its ledgers and files say is not known, so every resource of it shows a new generation; up will not change it before it answers`
    : "what would change on it is not known, so it is shown unchanged; up will end with an error for it, and go on with the hosts that answer";
  pulumi.log.warn(
    `${message}\n  ${consequence}`,
    new BuildHost(box.host.name, { description: box, s3: shared }, opts),
  );
}

/**
 * A rejection without a handler is Pulumi's own way to let a program run on and fail: it is shown at once, what is
 * declared is carried out, and the run ends non-zero without deleting anything.
 */
function failInTheEnd(message: string): void {
  void Promise.reject(new pulumi.RunError(message));
}
