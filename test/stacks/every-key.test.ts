import { expect, it } from "vitest";
import { z } from "zod";
import { parseStackConfig, stackSchema } from "../../stacks/config.ts";
import { ConfigError, type Issue } from "../../stacks/issue.ts";

type Json = {
  properties?: Record<string, Json>;
  required?: string[];
  oneOf?: Json[];
  anyOf?: Json[];
  items?: Json;
  additionalProperties?: Json | boolean;
  const?: unknown;
};
type Path = (string | number)[];
/** A key, with the settings that it needs around it, so that only the key can be wrong. */
type Place = { path: Path; around: Record<string, unknown> };

/** Values of a kind that some key or other does not take. */
const VALUES: [string, unknown][] = [
  ["nothing", null],
  ["a text", "no such thing"],
  ["a list", [{ no: "such thing" }]],
  ["a number", -1.5],
  ["a truth", true],
  ["a group", { "no such key": "no such thing" }],
];

/** A right value for every key that may not be left out. */
const NEEDED: Record<string, unknown> = {
  host: "a",
  path: "/a",
  url: "https://a",
  bucket: "abc",
  region: "us-east-1",
  sha256: "0".repeat(64),
};

/** Every key of the schema: groups, members of tagged unions, list entries, and one entry of each free record. */
function places(schema: Json, path: Path, around: Record<string, unknown>): Place[] {
  const options = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  const own = path.length === 0 ? [] : [{ path, around }];
  const kinds = options.flatMap((option) => places(option, path, around).slice(own.length));
  const kind = schema.properties?.kind?.const;
  const needed = [
    ...(kind === undefined ? [] : [["kind", kind] as const]),
    ...(schema.required ?? []).flatMap((key) => (key in NEEDED ? [[key, NEEDED[key]] as const] : [])),
  ];
  const inside = withValue(around, path, Object.fromEntries(needed));
  const members = Object.entries(schema.properties ?? {}).flatMap(([key, one]) =>
    places(one, [...path, key], inside),
  );
  const items = schema.items ? places(schema.items, [...path, 0], withValue(around, path, [])) : [];
  const named = schema.additionalProperties;
  const entries =
    typeof named === "object" ? places(named, [...path, "box"], withValue(around, path, { box: {} })) : [];
  return [...own, ...kinds, ...members, ...items, ...entries];
}

/** A copy with one value put in; without a path the value is merged. */
function withValue(tree: Record<string, unknown>, path: Path, value: unknown): Record<string, unknown> {
  if (path.length === 0) return { ...tree, ...(value as object) };
  const copy = structuredClone(tree);
  let at = copy as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) {
    at[part] ??= {};
    at = at[part] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
  return copy;
}

const SCHEMA = z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any" }) as Json;
const PLACES = places(SCHEMA, [], { hosts: { box: {} } });

function faultsOf(config: unknown): Issue[] {
  try {
    parseStackConfig(config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

it("finds every key", () => {
  const keys = PLACES.map(({ path }) => path.join("."));
  expect(keys.length).toBeGreaterThan(150);
  expect(keys).toContain("hosts.box.moon.workspaces.0.remote_block");
  expect(keys).toContain("hosts.box.tools.moon.sha256");
  expect(keys).toContain("gcs.credentials.path");
});

it.each(VALUES)(
  "%s in place of any key's value is taken, or a fault that says all four things",
  (_name, value) => {
    let refused = 0;
    for (const { path, around } of PLACES) {
      const faults = faultsOf(withValue(around, path, value));
      if (faults.length > 0) refused++;
      for (const fault of faults) {
        const shown = JSON.stringify({ at: path.join("."), ...fault });
        expect(fault.path, shown).toMatch(/^warmbox:(extends|hosts|proof|s3|gcs)/);
        expect(fault.got, shown).not.toBe("");
        expect(fault.expected, shown).toMatch(/^\S.{5,}/);
        expect(fault.expected, shown).not.toMatch(/invalid|expected|received|NaN|undefined/i); // the library's own words
        expect(fault.next, shown).toMatch(/\b(write|run|remove|declare|set|use|indent|raise|change) /);
        expect(fault.next, shown).not.toBe(fault.expected);
      }
    }
    expect(refused).toBeGreaterThan(PLACES.length / 3);
  },
);

it("nothing in place of any key's value is refused at that key", () => {
  for (const { path, around } of PLACES) {
    const paths = faultsOf(withValue(around, path, null)).map((fault) => fault.path);
    const parts = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
    if (!/settings\.|\.box\.[a-z-]+\.settings\.box/.test(parts))
      expect(paths, parts).toContain(`warmbox:${parts.slice(1)}`);
  }
});
