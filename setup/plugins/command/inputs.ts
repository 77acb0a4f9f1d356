/**
 * The inputs of command:local:Command: their names, their types, and the check the engine asks for.
 * Field list: https://www.pulumi.com/registry/packages/command/api-docs/local/command/
 */
import { type Bag, isObject, isUnknown, reveal, type Wire, withoutNulls } from "./values.ts";

/** Go's names of the types, as they are in the released plugin's messages. */
type FieldType = "string" | "bool" | "[]string" | "map[string]string" | "[]interface {}";

/** Every input of local.Command with its type. */
export const INPUT_TYPES: Readonly<Record<string, FieldType>> = {
  stdin: "string",
  logging: "string",
  interpreter: "[]string",
  dir: "string",
  environment: "map[string]string",
  assetPaths: "[]string",
  archivePaths: "[]string",
  addPreviousOutputInEnv: "bool",
  triggers: "[]interface {}",
  create: "string",
  update: "string",
  delete: "string",
};

/** What is wrong with one property. */
export type Failure = { property: string; reason: string };

/** Values of the inputs with every mark taken off; only meaningful once nothing is unknown. */
export type CommandInputs = {
  stdin?: string;
  logging?: string;
  interpreter?: string[];
  dir?: string;
  environment?: Record<string, string>;
  addPreviousOutputInEnv?: boolean;
  create?: string;
  update?: string;
  delete?: string;
};

/** Only the properties that are inputs. */
export function inputsOf(bag: Bag): Bag {
  return Object.fromEntries(Object.entries(withoutNulls(bag)).filter(([key]) => key in INPUT_TYPES));
}

/** The bare inputs, to run a command with. */
export function bareInputs(bag: Bag): CommandInputs {
  return reveal(inputsOf(bag)) as CommandInputs;
}

/**
 * Checks the inputs of a resource: unknown properties are dropped, the one default is filled in, and a value
 * of the wrong type is a failure. `typeName` is what the message calls the bag.
 */
export function checkInputs(
  news: Bag,
  typeName = "local.CommandInputs",
): { inputs: Bag; failures: Failure[] } {
  const inputs = inputsOf(news);
  const failures = Object.entries(inputs).flatMap(([key, value]) => fieldFailures(typeName, key, value));
  for (const property of ["assetPaths", "archivePaths"]) {
    if (property in inputs) failures.push({ property, reason: refusal(property) });
  }
  return failures.length > 0
    ? { inputs: withoutNulls(news), failures }
    : { inputs: { ...inputs, addPreviousOutputInEnv: inputs.addPreviousOutputInEnv ?? true }, failures };
}

function refusal(property: string): string {
  return `'${property}' needs the released command plugin v1.2.1; warmbox's fallback plugin, used if that cannot be downloaded, does not collect files. Run once with access to the internet, or leave '${property}' out`;
}

function fieldFailures(typeName: string, key: string, value: Wire): Failure[] {
  const expected = INPUT_TYPES[key];
  const bare = reveal(value);
  if (expected === undefined || isUnknown(bare)) return [];
  const wrong = wrongPart(expected, key, bare);
  if (wrong === undefined) return [];
  const [path, want, got] = wrong;
  return [
    { property: key, reason: `Field '${path}' on '${typeName}' must be a '${want}'; got '${got}' instead` },
  ];
}

function wrongPart(expected: FieldType, path: string, value: Wire): [string, string, string] | undefined {
  const isType = (type: string, item: Wire): boolean => isUnknown(item) || goType(item) === type;
  switch (expected) {
    case "string":
    case "bool":
      return goType(value) === expected ? undefined : [path, expected, goType(value)];
    case "[]interface {}":
    case "[]string": {
      if (!Array.isArray(value)) return [path, expected, goType(value)];
      const index = expected === "[]string" ? value.findIndex((item) => !isType("string", item)) : -1;
      return index < 0 ? undefined : [`${path}[${index}]`, "string", goType(value[index] ?? null)];
    }
    case "map[string]string": {
      if (!isObject(value)) return [path, expected, goType(value)];
      const entry = Object.entries(value).find(([, item]) => !isType("string", item));
      return entry === undefined ? undefined : [`${path}["${entry[0]}"]`, "string", goType(entry[1])];
    }
    default:
      return expected satisfies never;
  }
}

function goType(value: Wire): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (isObject(value)) return "map[string]interface {}";
  return { string: "string", number: "float64", boolean: "bool" }[typeof value as string] ?? "nil";
}
