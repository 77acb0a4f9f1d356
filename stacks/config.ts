import { z } from "zod";
import { inheritedKeys, type RawStack, resolveExtends, type StackFiles } from "./extends.ts";
import { ConfigError, type Issue, issuesOf, issueText, keyPath, nearest } from "./issue.ts";
import { boolean, doc, object, rule, text } from "./schema/fields.ts";
import { CACHE_ROOT, type HostConfig, hostSchema } from "./schema/host.ts";
import { gcsSchema, s3Schema } from "./schema/store.ts";

export { ConfigError } from "./issue.ts";

const HOST_NAME = "a host name of letters, digits and dashes, at most 63";

const fields = object({
  extends: doc(
    text("the name of a stack", "write the name of another stack, such as local").exactOptional(),
    {
      description:
        "Another stack, whose configuration this one takes over and overlays with its own keys: groups are merged key by key, lists and groups with a `kind` are replaced. Secrets are not taken over.",
    },
  ),
  hosts: doc(
    z
      .record(
        z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, {
          error: issueText(HOST_NAME, "write another name; the address goes to reach.host"),
        }),
        hostSchema,
        {
          error: issueText(
            "the hosts of this stack by name",
            "write `warmbox:hosts:` with `this: {}` below it for this machine",
          ),
        },
      )
      .refine((hosts) => Object.keys(hosts).length > 0, {
        error: issueText("at least one host", "write `this: {}` below warmbox:hosts for this machine"),
      }),
    {
      description:
        "The machines of the stack by a name of your choice; `this: {}` is this machine with every default.",
    },
  ),
  proof: doc(boolean().default(true), {
    description:
      "End every `up` with a proof on each host that all tiers really hit; a tier that does not fails the `up`.",
  }),
  s3: doc(s3Schema.exactOptional(), { description: "S3 behind tiers 1 and 2, so that hosts share." }),
  gcs: doc(gcsSchema.exactOptional(), {
    description: "Google Cloud Storage behind tiers 1 and 2, in place of s3.",
  }),
});

/** How two hosts are found to be one: the same way in. */
function door(host: HostConfig): string {
  const { reach } = host;
  return reach.kind === "local" ? "this machine" : `${reach.user ?? ""}@${reach.host}:${reach.port ?? ""}`;
}

const oneDoorEach = rule(fields, ["hosts"], ({ hosts }, add) => {
  const owners = new Map<string, string>();
  for (const [name, host] of Object.entries(hosts)) {
    const first = owners.get(door(host));
    if (first === undefined) owners.set(door(host), name);
    else
      add(
        ["hosts", name, "reach"],
        `another machine or user than hosts.${first}`,
        `remove hosts.${name}, or give it another reach`,
      );
  }
});

/** The whole of a stack's configuration; docs/configuration is generated from it. */
export const stackSchema = rule(oneDoorEach, ["s3", "gcs", "hosts"], ({ s3, gcs, hosts }, add) => {
  if (s3 && gcs) add(["gcs"], "one store: s3 or gcs", "remove one of the two");
  if (s3?.kind !== "embedded") return;
  if (s3.host !== undefined && !Object.hasOwn(hosts, s3.host))
    add(
      ["s3", "host"],
      `one of the hosts ${Object.keys(hosts).join(", ")}`,
      "write one of those names, or remove the key",
    );
  for (const [name, host] of Object.entries(hosts))
    for (const [key, used] of portsOf(host))
      if (used === s3.port)
        add(
          ["s3", "port"],
          `a free port; hosts.${name}.${key} has ${used} already`,
          `write ${used + 1}, or another free port`,
        );
  const server = hosts[s3.host ?? Object.keys(hosts)[0] ?? ""];
  if (server?.scope === "system" && s3.dir !== undefined && !s3.dir.startsWith(CACHE_ROOT))
    add(
      ["s3", "dir"],
      `a directory below ${CACHE_ROOT} on a host in scope system, where the server has its own user`,
      `write ${CACHE_ROOT}warmbox-s3 (mount the larger volume there), or scope: user`,
    );
});

/** A stack's configuration after checking, every default filled in. */
export type StackConfig = z.output<typeof stackSchema>;

/** Ports that a host's daemons listen on, by key below the host. */
export function portsOf(host: HostConfig): [key: string, port: number][] {
  const remote = host["bazel-remote"];
  const port = (address: string) => Number(address.replace(/^.*:/, ""));
  return [
    ...(host.sccache.enabled ? [["sccache.port", host.sccache.port] as [string, number]] : []),
    ...(remote.enabled
      ? (["http_address", "grpc_address"] as const).map((key): [string, number] => [
          `bazel-remote.${key}`,
          port(remote[key]),
        ])
      : []),
  ];
}

/** Top-level configuration keys of a stack, below `warmbox:`; each is one object or value. */
export const stackConfigKeys = ["extends", ...inheritedKeys] as const;

/** Secrets of a stack, set by `pulumi config set --secret KEY`; read with `requireSecret`, never part of StackConfig. */
export const stackSecretKeys = ["s3AccessKeyId", "s3SecretAccessKey"] as const;

/**
 * Checks a stack's configuration and fills in every default.
 *
 * @param also faults that are known already, reported with those found here
 * @throws {ConfigError} one error with all faults: key path, value received, bound with unit, next step
 */
export function parseStackConfig(raw: unknown, also: Issue[] = []): StackConfig {
  const result = stackSchema.safeParse(raw ?? {});
  if (result.success && also.length === 0) return result.data;
  throw new ConfigError([...(result.success ? [] : issuesOf(result.error, raw ?? {})), ...also]);
}

/**
 * Reads and checks a stack's configuration, without importing Pulumi.
 *
 * @param get the value of one of {@link stackConfigKeys}; text is read as JSON if it is JSON, as Pulumi writes it
 * @param present names of all keys set below `warmbox:`; an unknown one is refused and its value not read, since it may
 *   be a misspelt secret
 * @param files the stacks that this one may extend
 * @param stack its own name, which it may not extend
 * @throws {ConfigError} see {@link parseStackConfig}
 */
export function readStack(
  get: (key: string) => unknown,
  present: readonly string[],
  files: StackFiles = { names: () => [], read: () => undefined },
  stack?: string,
): StackConfig {
  const rawStack: RawStack = Object.fromEntries(
    stackConfigKeys.map((key) => [key, plain(get(key))] as const).filter(([, value]) => value !== undefined),
  );
  const { raw, issue: refused } = resolveExtends(rawStack, files, stack === undefined ? [] : [stack]);
  const keys: readonly string[] = [...stackConfigKeys, ...stackSecretKeys];
  const strange = present.filter((key) => !keys.includes(key)).map(strangeKey);
  if (refused !== undefined) throw new ConfigError([refused, ...strange]); // what is missing would be reported twice
  return parseStackConfig(raw, [...strange, ...prototypeHost(raw.hosts)]);
}

/** Zod passes over this one name, so that the host would be missing without a word. */
function prototypeHost(hosts: unknown): Issue[] {
  if (typeof hosts !== "object" || hosts === null || !Object.hasOwn(hosts, "__proto__")) return [];
  return [
    {
      path: keyPath(["hosts", "__proto__"]),
      got: '"__proto__"',
      expected: HOST_NAME,
      next: "write another name",
    },
  ];
}

/** Pulumi keeps a scalar as text (`"true"`) and everything else as JSON; the schema reports anything else. */
function plain(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function strangeKey(key: string): Issue {
  const [near, secret] = [nearest(key, stackConfigKeys), nearest(key, stackSecretKeys)];
  const removed = `run \`pulumi config rm ${key}\``;
  return {
    path: keyPath([key]),
    got: "(not shown)",
    expected: `no such key; there are ${stackConfigKeys.join(", ")} and the secrets ${stackSecretKeys.join(", ")}`,
    next:
      near !== undefined
        ? `write ${near}`
        : secret !== undefined
          ? `${removed} and \`pulumi config set --secret ${secret}\``
          : `remove it, or ${removed}`,
  };
}
