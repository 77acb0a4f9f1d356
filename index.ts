import * as pulumi from "@pulumi/pulumi";
import { startCommandPlugin } from "./components/early-plugin.ts";
import { inspectFleet } from "./components/inspect.ts";
import { readStack } from "./stacks/config.ts";
import { readProject } from "./stacks/project.ts";
import { stackFiles } from "./stacks/stack-file.ts";

// Pulumi notes the whole stack of each resource, and its runner looks every frame up in source maps. Node strips types in
// place, so the places are true without that work.
Reflect.deleteProperty(Error, "prepareStackTrace");

/** Turns a mistake of the user's into its message alone: no stack trace. */
function refuse(fault: unknown): never {
  throw new pulumi.RunError(fault instanceof Error ? fault.message : String(fault));
}

/** Names below `warmbox:` that the stack sets, so that a misspelt one is refused. */
function presentKeys(): string[] {
  const keys = Object.keys(pulumi.runtime.allConfig());
  return keys.flatMap((key) => (key.startsWith("warmbox:") ? [key.slice("warmbox:".length)] : []));
}

const config = new pulumi.Config();
const declared = await Promise.resolve()
  .then(() =>
    readStack(
      (key) => config.get(key),
      presentKeys(),
      stackFiles(readProject(import.meta.dirname)),
      pulumi.getStack(),
    ),
  )
  .catch(refuse);
startCommandPlugin();
const inspecting = inspectFleet(declared, pulumi.getStack());
inspecting.catch(() => {}); // it is looked at below
// What declares the resources is loaded while the hosts answer.
const { BuildHost } = await import("./components/build-host.ts");
const { sharedS3 } = await import("./components/s3-backend.ts");
const { leaveUnreachable } = await import("./components/unreachable.ts");
const { boxes, unreachable } = await inspecting.catch(refuse);
const s3 = await sharedS3(declared, (name) => config.getSecret(name)).catch(refuse);

/** What each host got, by its name in the stack. */
export const hosts = await Promise.resolve()
  .then(() => ({
    ...Object.fromEntries(
      boxes.map((box) => [box.host.name, new BuildHost(box.host.name, { description: box, s3 }).summary]),
    ),
    ...leaveUnreachable(unreachable, s3),
  }))
  .catch(refuse);
