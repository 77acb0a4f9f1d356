import { z } from "zod";
import { type Bytes, formatBytes, parseBytes } from "../bytes.ts";
import { issueText } from "../issue.ts";
import { isRefusedSecret } from "../secrets.ts";

/** What the option table says about a key, beside its type and default which the schema knows. */
export type KeyDoc = {
  /** The meaning of the key, and the effect of a change. */
  description: string;
  /** Unit of the value. */
  unit?: string;
  /** Where the value comes from when the key is left out and the schema has no fixed default. */
  computed?: string;
  /** The tool's page on it. */
  link?: string;
};

/** Attaches the documentation of a key; put it last, a later method would lose it. */
export function doc<S extends z.ZodType>(schema: S, about: KeyDoc): S {
  return schema.meta(about) as S;
}

/** An object that refuses keys it does not know. */
export function object<S extends z.core.$ZodLooseShape>(shape: S) {
  const group = issueText(
    "a group of keys",
    "indent its keys below it, one a line, or write {} for the default of each",
  );
  const keys = Object.keys(shape).join(" "); // ../issue.ts makes the sentence of it
  return z.strictObject(shape, { error: (issue) => (issue.code === "invalid_type" ? group : keys) });
}

/** One of a few words; `wrong` maps words from other guides to the advice for this key. */
export function oneOf<const W extends readonly [string, ...string[]]>(
  values: W,
  wrong: Record<string, string> = {},
) {
  const next = (input: unknown) =>
    (typeof input === "string" && Object.hasOwn(wrong, input) && wrong[input]) ||
    `write one of ${values.join(", ")}`;
  return z.enum(values, { error: (issue) => issueText(`one of ${values.join(", ")}`, next(issue.input)) });
}

/** A whole number of `unit` from `min` to `max`. */
export function integer(unit: string, min: number, max: number) {
  const error = issueText(
    `a whole number of ${unit} from ${min} to ${max}`,
    `write a number from ${min} to ${max}`,
  );
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** true or false. */
export function boolean() {
  return z.boolean({ error: issueText("true or false", "write true or false, without quotes") });
}

/** A TCP port that a user may listen on. */
export function port() {
  const [min, max] = [1024, 65535];
  const error = issueText(`a TCP port from ${min} to ${max}`, "write a free port, such as 4226");
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** One line of text. */
export function text(
  expected: string,
  next = "write one line of text, in quotes where it looks like a number",
) {
  const error = issueText(expected, next);
  // A control character would break the line-based files that the value goes into.
  return z
    .string({ error })
    .min(1, { error })
    .regex(/^\P{Cc}*$/u, { error });
}

/** Smallest and, if a tool counts in whole GiB, the step of a size. */
export type SizeBound = { min: Bytes; step?: Bytes };

/** A size such as `30GiB`, or whole bytes; becomes {@link Bytes}. */
export function size(bound: SizeBound) {
  const step = bound.step === undefined ? "" : `, a multiple of ${formatBytes(bound.step)}`;
  const expected = `a size in KiB, MiB, GiB or TiB of at least ${formatBytes(bound.min)}${step}`;
  return z
    .union([z.string(), z.number()], { error: issueText(expected, "write it like 30GiB") })
    .transform((value, context) => readSize(value, bound, expected, context));
}

function readSize(
  value: string | number,
  bound: SizeBound,
  expected: string,
  context: z.RefinementCtx,
): Bytes {
  const refuse = (next: string) => {
    context.addIssue({ code: "custom", message: issueText(expected, next) });
    return z.NEVER;
  };
  const decimal = /^\s*([\d.]+)\s*([kmgt])(b|i)?\s*$/i.exec(String(value));
  if (decimal) return refuse(`write ${decimal[1]}${decimal[2]?.toUpperCase()}iB (sizes are 1024-based)`);
  let bytes: Bytes;
  try {
    bytes = parseBytes(String(value).replace(/\s+/g, ""));
  } catch {
    return refuse("write it like 30GiB");
  }
  if (bytes < bound.min)
    return refuse(`write ${formatBytes(bound.min)} or more, or remove the key to have it sized`);
  if (bound.step !== undefined && bytes % bound.step !== 0) {
    const near = (Math.max(1, Math.round(bytes / bound.step)) * bound.step) as Bytes;
    return refuse(`write ${formatBytes(near)}`);
  }
  return bytes;
}

/** A directory: absolute, or relative to the home of the host's user. */
export function directory() {
  const expected = "a directory, absolute or relative to the home directory";
  return text(expected)
    .regex(/^(?!~)[^$]*$/, {
      error: issueText(
        expected,
        "write it without ~/ or $HOME: a relative path starts at the home directory",
      ),
    })
    .regex(/^(?!(.*\/)?\.\.(\/|$))/, { error: issueText(expected, "write it without ..") })
    .transform((path) => path.replace(/\/+$/, "") || "/");
}

/** Environment variables; numbers and booleans may be written without quotes. */
export function environment(refused: (name: string) => string | undefined) {
  const value = z
    .union([z.string(), z.number(), z.boolean()], {
      error: issueText("text, a number or a boolean", "write one value, or remove the variable"),
    })
    .transform(String)
    .pipe(text("one line of text").or(z.literal("")));
  const error = issueText("variables by name", "write NAME: VALUE below it, one a line, or remove the key");
  return z.record(z.string(), value, { error }).superRefine((env, context) => {
    for (const [name, text] of Object.entries(env)) {
      const next = /^[A-Za-z_]\w*$/.test(name) ? refused(name) : "write letters, digits and _ only";
      const expected = "a variable that warmbox does not set itself";
      if (next !== undefined)
        context.addIssue({ code: "custom", path: [name], message: issueText(expected, next) });
      else if (holdsSecret([name], text))
        context.addIssue({ code: "custom", path: [name], message: issueText(NO_SECRET, "remove it") });
    }
  });
}

const NO_SECRET =
  "nothing secret: the preview, the state and a file that every account can read would show it";

/** A pass-through value that is a secret by its name, or an address with a password in it. */
function holdsSecret(path: string[], value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => holdsSecret(path, item));
  if (typeof value !== "string" && typeof value !== "number") return false;
  return isRefusedSecret(path, String(value));
}

/**
 * A pass-through in the tool's own key names; `refused` says what to do instead for a key path that is not free.
 * Secrets are refused: rendered text is visible in previews, in the state and in files that every account can read.
 * @param secretNext where the tool's secrets belong
 */
export function settings(refused: (path: string, value: unknown) => string | undefined, secretNext: string) {
  const error = issueText(
    "keys of the tool's own configuration",
    "write KEY: VALUE below it, one a line, or remove the key",
  );
  return z.record(z.string(), z.unknown(), { error }).superRefine((value, context) => {
    for (const { path, leaf } of leaves(value, [])) {
      const next = refused(path.join("."), leaf);
      const expected = "a setting that warmbox does not own";
      if (next !== undefined) context.addIssue({ code: "custom", path, message: issueText(expected, next) });
      else if (holdsSecret(path, leaf))
        context.addIssue({ code: "custom", path, message: issueText(NO_SECRET, secretNext) });
    }
  });
}

/** Every key path of a nested record, groups before their members. */
function leaves(value: object, above: string[]): { path: string[]; leaf: unknown }[] {
  return Object.entries(value).flatMap(([key, leaf]) => {
    const path = [...above, key];
    const below = typeof leaf === "object" && leaf !== null && !Array.isArray(leaf) ? leaves(leaf, path) : [];
    return [{ path, leaf }, ...below];
  });
}

/**
 * A rule between fields, tried as soon as the named fields are right by themselves, so that it is reported together
 * with issues elsewhere. `check` calls `add` for each issue, with the path of the field to change.
 */
export function rule<S extends z.ZodType>(
  schema: S,
  fields: string[],
  check: (value: z.output<S>, add: (path: PropertyKey[], expected: string, next: string) => void) => void,
): S {
  return schema.superRefine(
    (value, context) => {
      check(value as z.output<S>, (path, expected, next) =>
        context.addIssue({ code: "custom", path, message: issueText(expected, next) }),
      );
    },
    { when: ({ value, issues }) => isRecord(value) && !issues.some((i) => concerns(i, fields)) },
  ) as S;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** An issue of a field, of a part of it, or of its group; an unknown key beside it is none. */
function concerns(issue: z.core.$ZodRawIssue, fields: string[]): boolean {
  if (issue.code === "unrecognized_keys") return false;
  const path = (issue.path ?? []).map((part) => `${String(part)}.`).join("");
  return fields.some((field) => path.startsWith(`${field}.`) || `${field}.`.startsWith(path));
}
