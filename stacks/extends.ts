/** `extends`: a stack takes the configuration of another stack and overlays its own. */
import { type Issue, keyPath } from "./issue.ts";

/** Configuration of a stack before it is checked, by key without `warmbox:`. */
export type RawStack = Readonly<Record<string, unknown>>;

/** The stack files that can be extended. */
export type StackFiles = {
  /** The configuration in the file of a stack; undefined if it has none. */
  readonly read: (stack: string) => RawStack | undefined;
  readonly names: () => readonly string[];
};

/** A configuration with everything that it extends, or the issue that prevents it. */
export type Extended = { readonly raw: RawStack; readonly issue?: Issue };

/** What a stack takes over from the one that it extends. */
export const inheritedKeys = ["hosts", "proof", "s3", "gcs"] as const;

/** Only one of these may be set, so that a stack's own store replaces the one that it extends. */
const STORES = ["s3", "gcs"];

/**
 * Resolves `extends`, through several files if they extend others in turn. Pure but for `files`.
 *
 * A key of the stack wins over the same key of the file that it extends: groups are merged key by key, a list, a value
 * and a group with a `kind` replace the other one whole. Secrets are not inherited: each stack sets its own.
 */
export function resolveExtends(stack: RawStack, files: StackFiles, chain: readonly string[] = []): Extended {
  const { extends: name } = stack;
  if (name === undefined) return { raw: stack };
  const refused = issueOf(name, files, chain);
  if (refused !== undefined) return { raw: stack, issue: refused };
  const file = Object.entries(files.read(String(name)) ?? {});
  const base = Object.fromEntries(
    file.filter(([key]) => key === "extends" || inheritedKeys.some((k) => k === key)),
  );
  const { raw, issue } = resolveExtends(base, files, [...chain, String(name)]);
  const secret = secretPath(raw);
  if (secret !== undefined) return { raw: stack, issue: secretIssue(String(name), secret) };
  return { raw: overlay(raw, stack), ...(issue === undefined ? {} : { issue }) };
}

function issueOf(name: unknown, files: StackFiles, chain: readonly string[]): Issue | undefined {
  const place = chain.length > 1 ? ` in stack ${chain.at(-1)}` : "";
  if (chain.some((stack) => stack === name))
    return {
      path: keyPath(["extends"]),
      got: [...chain, name].join(" → "),
      expected: "stacks that do not extend each other in a circle",
      next: `remove extends from one of ${chain.join(", ")}`,
    };
  const names = files.names().filter((stack) => !chain.includes(stack));
  if (names.some((stack) => stack === name)) return undefined;
  return {
    path: `${keyPath(["extends"])}${place}`,
    got: JSON.stringify(name),
    expected: `the name of a stack with a file: ${names.join(", ")}`,
    next: "write one of those names, or remove the key",
  };
}

function secretIssue(stack: string, path: readonly string[]): Issue {
  return {
    path: `${keyPath(path)} in stack ${stack}`,
    got: "(not shown)",
    expected: "no secret in a stack that another one extends: only its own stack can decrypt it",
    next: "write the value without --secret, or do not extend that stack",
  };
}

/** The path of the first value that Pulumi keeps encrypted, `{secure: …}`. */
export function secretPath(value: unknown, path: readonly string[] = []): readonly string[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isSecure(value)) return path;
  for (const [key, member] of Object.entries(value)) {
    const secret = secretPath(member, [...path, key]);
    if (secret !== undefined) return secret;
  }
  return undefined;
}

function isSecure(value: unknown): boolean {
  return isGroup(value) && typeof value.secure === "string" && Object.keys(value).length === 1;
}

function overlay(base: RawStack, stack: RawStack): RawStack {
  const hasStore = STORES.some((key) => Object.hasOwn(stack, key));
  const inherited = Object.entries(base).filter(([key]) => !(hasStore && STORES.includes(key)));
  return merged(Object.fromEntries(inherited), stack) as RawStack;
}

function merged(base: unknown, override: unknown): unknown {
  if (!isGroup(base) || !isGroup(override) || Object.hasOwn(override, "kind")) return override;
  const keys = [...new Set([...Object.keys(base), ...Object.keys(override)])];
  // fromEntries defines own properties, also for a key named __proto__.
  return Object.fromEntries(
    keys.map((key) => [
      key,
      !Object.hasOwn(override, key)
        ? base[key]
        : Object.hasOwn(base, key)
          ? merged(base[key], override[key])
          : override[key],
    ]),
  );
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
