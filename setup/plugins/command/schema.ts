/** The package schema of the fallback plugin: the same names and types as the released plugin's, for what it serves. */
import { INPUT_TYPES } from "./inputs.ts";

const STRING = { type: "string" };
const TYPES: Record<string, object> = {
  string: STRING,
  bool: { type: "boolean" },
  "[]string": { type: "array", items: STRING },
  "map[string]string": { type: "object", additionalProperties: STRING },
  "[]interface {}": { type: "array", items: { $ref: "pulumi.json#/Any" } },
};

/** The schema as JSON text. See https://www.pulumi.com/docs/iac/build-with-pulumi/schema/ */
export function schemaText(version: string): string {
  const inputs = Object.fromEntries(
    Object.entries(INPUT_TYPES).map(([key, type]) => [key, inputSpec(key, type)]),
  );
  const outputs = { stdout: STRING, stderr: STRING };
  const { triggers, create, update, delete: _delete, ...shared } = inputs;
  return JSON.stringify({
    name: "command",
    displayName: "Command",
    version,
    description: "Fallback for the command plugin: command:local:Command and command:local:run.",
    resources: {
      "command:local:Command": {
        properties: { ...inputs, ...outputs },
        required: Object.keys(outputs),
        inputProperties: inputs,
      },
    },
    functions: {
      "command:local:run": {
        inputs: { properties: { ...shared, command: STRING }, required: ["command"] },
        outputs: { properties: { ...shared, command: STRING, ...outputs } },
      },
    },
  });
}

function inputSpec(key: string, type: string): object {
  return {
    ...TYPES[type],
    ...(key === "triggers" ? { replaceOnChanges: true } : {}),
    ...(key === "addPreviousOutputInEnv" ? { default: true } : {}),
  };
}
