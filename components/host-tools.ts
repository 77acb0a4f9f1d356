import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ToolChoice } from "../plan/tools.ts";
import { libraryScript } from "../render/lib/library-resource.ts";
import type { BuildHostArgs } from "./build-host.ts";
import { hostResource, type Ownership } from "./host-resource.ts";

/** Runs on the operator's machine, which has the library's texts; the host's own prefix goes behind it. */
const SEND_LIBRARY = ["/bin/sh", "host/send-library.sh"];
/** Runs on the operator's machine, which has the binaries; it reaches the host itself. */
const PUSH_TOOLS = ["node", "host/push-tools.ts"];

/** What every other resource of a host needs: the library that changes it, and the programs it lacked. */
export class HostTools extends pulumi.ComponentResource {
  constructor(name: string, args: BuildHostArgs, opts: pulumi.ComponentResourceOptions) {
    const pushed = pushedTools(args);
    super(
      "warmbox:index:HostTools",
      name,
      { pushed: pushed.map(({ tool, version }) => `${tool} ${version}`) },
      opts,
    );
    const library = hostResource(
      {
        host: args.host,
        resource: "library",
        interpreter: [...SEND_LIBRARY, ...args.host.prefix],
        script: (ownership) => libraryScript({ ...args.input, ...ownership }, args.library),
      },
      { parent: this },
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

function pushedTools({ tools }: BuildHostArgs): { tool: string; version: string }[] {
  const choices: ToolChoice[] = Object.values(tools);
  return choices.flatMap((choice) => (choice.kind === "push" ? [choice.pushed] : []));
}

/** One tool a line, so that a preview shows which version changed. */
function manifest(args: BuildHostArgs, ownership: Ownership): string {
  const { host, input } = args;
  const words = {
    host: host.name,
    prefix: host.prefix,
    arch: args.arch,
    scope: input.host.scope,
    ...ownership,
    tools: pushedTools(args),
  };
  return `${JSON.stringify(words, null, 2)}\n`;
}
