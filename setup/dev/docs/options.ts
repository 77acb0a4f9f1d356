/** The keys of a stack file as table rows, from the JSON Schema that zod makes of the stack's schema. */
import { z } from "zod";
import { stackSchema } from "../../../stacks/config.ts";

/** JSON Schema of a key, with the documentation that `doc` in stacks/schema/fields.ts attaches. */
type Node = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly default?: unknown;
  readonly items?: Node;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly unit?: string;
  readonly computed?: string;
  readonly link?: string;
};

/** One key: `type` names its values, `fallback` its default. */
export type OptionRow = {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
};

const HEAD = ["| key | value | default | description |", "|---|---|---|---|"];

/** Every key of a stack file, in the schema's order. */
export function optionRows(): OptionRow[] {
  return rowsBelow("", z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any" }) as Node);
}

/** The rows as a Markdown table. */
export function optionTable(rows: readonly OptionRow[]): string {
  return [...HEAD, ...rows.map(tableLine)].join("\n");
}

function tableLine({ key, type, fallback, description }: OptionRow): string {
  const cells = [`\`${key}\``, type, fallback, description].map((cell) => cell.replaceAll("|", "\\|"));
  return `| ${cells.join(" | ")} |`;
}

/** Rows below one key. Members that differ only in their name share a row. */
function rowsBelow(parent: string, node: Node): OptionRow[] {
  return equalMembers(node.properties ?? {}).flatMap(({ names, member }) => {
    const name = names.length === 1 ? names[0] : `{${names.join(",")}}`;
    const key = parent === "" ? `${name}` : `${parent}.${name}`;
    const isRequired = names.some((member) => node.required?.includes(member));
    return [optionRow(key, member, isRequired), ...childRows(key, member)];
  });
}

function equalMembers(members: Readonly<Record<string, Node>>): { names: string[]; member: Node }[] {
  const groups = new Map<string, { names: string[]; member: Node }>();
  for (const [name, member] of Object.entries(members)) {
    const id = member.properties || member.oneOf ? JSON.stringify(member) : name;
    const group = groups.get(id);
    if (group) group.names.push(name);
    else groups.set(id, { names: [name], member });
  }
  return [...groups.values()];
}

function childRows(key: string, node: Node): OptionRow[] {
  const kinds = kindsOf(node);
  if (kinds.length > 0) return kinds.flatMap((kind) => kindRows(key, kind));
  if (node.properties) return rowsBelow(key, node);
  if (node.items?.properties) return rowsBelow(`${key}[]`, node.items);
  const entry = node.additionalProperties;
  return typeof entry === "object" && entry.properties ? rowsBelow(`${key}.NAME`, entry) : [];
}

/** The members of a tagged union. */
function kindsOf(node: Node): Node[] {
  return (node.oneOf ?? node.anyOf ?? []).filter((option) => option.properties?.kind?.const !== undefined);
}

function kindRows(key: string, node: Node): OptionRow[] {
  const { kind, ...properties } = node.properties ?? {};
  return rowsBelow(`${key} (${kind?.const})`, { ...node, properties });
}

function optionRow(key: string, node: Node, isRequired: boolean): OptionRow {
  const link = node.link ? ` [more](${node.link})` : "";
  return {
    key,
    type: typeText(node),
    fallback: isRequired ? "**required**" : fallbackText(node),
    description: `${node.description ?? ""}${link}`,
  };
}

function typeText(node: Node): string {
  const kinds = kindsOf(node).map((option) => `\`kind: ${option.properties?.kind?.const}\``);
  if (kinds.length > 0) return kinds.join(", ");
  if (node.enum) return node.enum.map((word) => `\`${word}\``).join(", ");
  if (node.type === "boolean") return "`true`, `false`";
  if (node.type === "integer") return `${node.minimum}…${node.maximum}${node.unit ? ` ${node.unit}` : ""}`;
  if (node.unit) return node.unit;
  if (node.properties || node.type === "object") return "keys";
  if (node.type === "array") return "list";
  return node.type === "number" ? "number" : "text";
}

function fallbackText({ computed, default: value }: Node): string {
  if (computed) return computed;
  if (value === undefined) return "";
  if (typeof value !== "object" || value === null) return `\`${String(value)}\``;
  if (Object.keys(value).length === 0) return "";
  return `\`${JSON.stringify(value).replace(/["{}]/g, "").replace(":", ": ")}\``;
}
