/**
 * The difference between a resource's old state and its new inputs, path by path, as the engine shows it.
 * Paths: https://www.pulumi.com/docs/concepts/options/ignorechanges/ (property paths).
 */
import { INPUT_TYPES, inputsOf } from "./inputs.ts";
import { areEqual, type Bag, isAsset, isObject, isSecret, type Wire } from "./values.ts";

/** Kind of a change, as the protocol's PropertyDiff names them. */
export type ChangeKind = "ADD" | "ADD_REPLACE" | "DELETE" | "DELETE_REPLACE" | "UPDATE" | "UPDATE_REPLACE";
/** Every changed path with its kind; empty when nothing changed. */
export type Changes = Record<string, ChangeKind>;

type Step = string | number;

/** Compares the old state (outputs hold the inputs too) with the new inputs; `ignored` are input names. */
export function changesBetween(olds: Bag, news: Bag, ignored: readonly string[] = []): Changes {
  const changes: Changes = {};
  const before = inputsOf(olds);
  const after = inputsOf(news);
  for (const key of Object.keys(INPUT_TYPES)) {
    if (!ignored.includes(key)) collect(before[key], after[key], [key], changes);
  }
  return changes;
}

function collect(before: Wire | undefined, after: Wire | undefined, path: Step[], changes: Changes): void {
  if (areEqual(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index++) {
      collect(before[index], after[index], [...path, index], changes);
    }
    return;
  }
  if (isPlainObject(before) && isPlainObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(before[key], after[key], [...path, key], changes);
    }
    return;
  }
  changes[pathText(path)] = kindOf(before, after, path[0] === "triggers");
}

function isPlainObject(value: Wire | undefined): value is Bag {
  return isObject(value) && !isSecret(value) && !isAsset(value);
}

function kindOf(before: Wire | undefined, after: Wire | undefined, replace: boolean): ChangeKind {
  const kind = before === undefined ? "ADD" : after === undefined ? "DELETE" : "UPDATE";
  return replace ? `${kind}_REPLACE` : kind;
}

/** A property path as text: `environment.HOME`, `environment["a-b"]`, `triggers[0]`. */
export function pathText(path: readonly Step[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[A-Za-z0-9_]*$/.test(step)) return `["${step.replaceAll('"', '\\"')}"]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}
