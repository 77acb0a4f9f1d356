/**
 * The `command` provider's methods for command:local:Command, on plain bags. What each returns is what the
 * released plugin v1.2.1 returns, so that one stack can be updated with either.
 *
 * Protocol: https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/provider.proto
 */
import { randomBytes } from "node:crypto";
import { type Changes, changesBetween } from "./diff.ts";
import { bareInputs, checkInputs, type Failure, INPUT_TYPES, inputsOf } from "./inputs.ts";
import { COMMAND_TYPE, nameOf, typeOf } from "./names.ts";
import { type CommandOutputs, type LineSink, runCommand } from "./run.ts";
import {
  areEqual,
  type Bag,
  hasUnknown,
  isObject,
  reveal,
  UNKNOWN_STRING,
  type Wire,
  withoutNulls,
} from "./values.ts";

/** The released plugin that this provider replaces. */
export const COMMAND_VERSION = "1.2.1";
/** The one function served. */
export const RUN_FUNCTION = "command:local:run";

/** Validates new inputs and fills in the default. */
export function check(urn: string, news: Bag): { inputs: Bag; failures: Failure[] } {
  const type = typeOf(urn);
  if (type === COMMAND_TYPE) return checkInputs(news);
  const reason = `'${type}' needs the released command plugin v${COMMAND_VERSION}; warmbox's fallback plugin, used if that cannot be downloaded, serves ${COMMAND_TYPE} only. Next: pulumi plugin install resource command ${COMMAND_VERSION} --reinstall`;
  return { inputs: news, failures: [{ property: "", reason }] };
}

/** What changed between the state and the new inputs. */
export function diff(olds: Bag, news: Bag, ignored: readonly string[]): Changes {
  return changesBetween(withoutNulls(olds), news, ignored);
}

/** Runs `create`, or predicts its result in a preview. */
export async function create(
  urn: string,
  properties: Bag,
  preview: boolean,
  sink: LineSink,
  signal: AbortSignal,
): Promise<{ id: string; properties: Bag }> {
  const inputs = inputsOf(properties);
  const id = `${nameOf(urn)}${randomBytes(4).toString("hex")}`;
  if (preview) return { id, properties: { ...inputs, stdout: UNKNOWN_STRING, stderr: UNKNOWN_STRING } };
  const bare = bareInputs(inputs);
  const outputs =
    bare.create === undefined
      ? { stdout: "", stderr: "" }
      : await runCommand(bare.create, bare, undefined, sink, signal);
  return { id, properties: { ...inputs, ...outputs } };
}

/** Runs `update` (or `create` where there is none), or predicts its result in a preview. */
export async function update(
  olds: Bag,
  news: Bag,
  preview: boolean,
  ignored: readonly string[],
  sink: LineSink,
  signal: AbortSignal,
): Promise<Bag> {
  const inputs = inputsOf({ ...news, ...pick(olds, ignored) });
  const previous = outputsOf(olds);
  const assets = pick(withoutNulls(olds), ["assets", "archive"]);
  if (preview) {
    const unsure = outputsAreUnsure(olds, inputs);
    const predict = (value: string): string => (unsure ? UNKNOWN_STRING : value);
    return { ...assets, ...inputs, stdout: predict(previous.stdout), stderr: predict(previous.stderr) };
  }
  const bare = bareInputs(inputs);
  const command = bare.update ?? bare.create;
  const outputs = command === undefined ? previous : await runCommand(command, bare, previous, sink, signal);
  return { ...assets, ...inputs, ...outputs };
}

/** Runs the `delete` of the last successful state. */
export async function remove(properties: Bag, sink: LineSink, signal: AbortSignal): Promise<void> {
  const bare = bareInputs(properties);
  if (bare.delete !== undefined) await runCommand(bare.delete, bare, outputsOf(properties), sink, signal);
}

/** The function command:local:run. */
export async function run(
  args: Bag,
  sink: LineSink,
  signal: AbortSignal,
): Promise<{ result: Bag; failures: Failure[] }> {
  const { command, ...rest } = withoutNulls(args);
  const bareCommand = reveal(command ?? null);
  if (typeof bareCommand !== "string") {
    const reason = "Missing required field 'command' on 'local.RunInputs'";
    return { result: {}, failures: [{ property: "command", reason }] };
  }
  const checked = checkInputs(rest, "local.RunInputs");
  if (checked.failures.length > 0) return { result: {}, failures: checked.failures };
  const outputs = await runCommand(bareCommand, bareInputs(checked.inputs), undefined, sink, signal);
  return { result: { ...checked.inputs, command: bareCommand, ...outputs }, failures: [] };
}

function outputsOf(state: Bag): CommandOutputs {
  const read = (key: string): string => {
    const value: Wire = reveal(state[key] ?? "");
    return typeof value === "string" ? value : "";
  };
  return { stdout: read("stdout"), stderr: read("stderr") };
}

/** Every output may depend on every input: an unknown or changed input makes the outputs unknown. */
function outputsAreUnsure(olds: Bag, inputs: Bag): boolean {
  return Object.keys(INPUT_TYPES).some(
    (key) => hasUnknown(inputs[key]) || (key in olds && !areEqual(olds[key], inputs[key])),
  );
}

function pick(bag: Bag, keys: readonly string[]): Bag {
  const picked: Bag = {};
  for (const key of keys) {
    const value = bag[key];
    if (value !== undefined && (isObject(value) || key in INPUT_TYPES)) picked[key] = value;
  }
  return picked;
}
