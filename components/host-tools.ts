import { extname } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ToolChoice } from "../plan/tools.ts";
import { libraryScript } from "../render/lib/library-resource.ts";
import type { HostDescription } from "./description.ts";
import { hostResource, type Ownership } from "./host-resource.ts";
import { modulePath } from "./module-path.ts";

/** Runs on the operator's machine, which has warmbox's scripts; the host's own prefix follows it. */
const SEND_LIBRARY = ["/bin/sh", modulePath("../host/send-library.sh")];
/** Runs on the operator's machine, which has the binaries; it reaches the host by itself. */
const PUSH_TOOLS = ["node", modulePath(`../host/push-tools${extname(import.meta.filename)}`)];

/** What every other resource of a host needs: the library that changes it, and the programs it lacked. */
export class HostTools extends pulumi.ComponentResource {
  constructor(name: string, args: HostDescription, opts: pulumi.ComponentResourceOptions) {
    const pushed = pushedTools(args);
    super(
      "warmbox:index:HostTools",
      name,
      { pushed: pushed.map(({ tool, version }) => `${tool} ${version}`) },
      opts,
    );
    const { dependsOn } = args.host;
    const library = hostResource(
      {
        host: args.host,
        resource: "library",
        interpreter: pulumi.output(args.host.prefix).apply((prefix) => [...SEND_LIBRARY, ...prefix]),
        script: (ownership) => libraryScript({ ...args.input, ...ownership }, args.library),
      },
      { parent: this, ...(dependsOn ? { dependsOn } : {}) },
    );
    if (pushed.length > 0) {
      hostResource(
        {
          host: args.host,
          resource: "tools",
          interpreter: PUSH_TOOLS,
          logging: local.Logging.Stderr, // building or sending a tool takes minutes
          script: (ownership) => manifest(args, ownership),
        },
        { parent: this, dependsOn: [library] }, // its ledger is kept by the library
      );
    }
    this.registerOutputs({});
  }
}

function pushedTools({ tools }: Pick<HostDescription, "tools">): { tool: string; version: string }[] {
  const choices: ToolChoice[] = Object.values(tools);
  return choices.flatMap((choice) => (choice.kind === "push" ? [choice.pushed] : []));
}

/** One tool a line, so that a preview shows which version changed. */
function manifest(
  { host, arch, tools, input }: HostDescription,
  ownership: Ownership,
): pulumi.Output<string> {
  const { name, prefix } = host;
  const fields = { arch, scope: input.host.scope, ...ownership, tools: pushedTools({ tools }) };
  return pulumi
    .output(prefix)
    .apply((prefix) => `${JSON.stringify({ host: name, prefix, ...fields }, null, 2)}\n`);
}
