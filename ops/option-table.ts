import { z } from "zod";
import { stackSchema } from "../stacks/config.ts";

/** What JSON Schema says of a key, with our documentation beside it (see `doc` in stacks/schema/fields.ts). */
type Node = {
  type?: string;
  properties?: Record<string, Node>;
  required?: string[];
  additionalProperties?: Node | boolean;
  anyOf?: Node[];
  oneOf?: Node[];
  enum?: string[];
  const?: string;
  default?: unknown;
  items?: Node;
  minimum?: number;
  maximum?: number;
  description?: string;
  unit?: string;
  computed?: string;
  link?: string;
};

type Row = { key: string; value: string; fallback: string; what: string };

const HEAD = ["| key | value | default | what it is and does |", "|---|---|---|---|"];

/** Keys that few stacks have: what is told of a machine in place of being asked. */
const FOLDED = /^hosts\.NAME\.facts\./;

/** The table of all keys of a stack file, in Markdown, made from the schema; the facts are folded up below it. */
export function optionTable(): string {
  const schema = z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any" }) as Node;
  const all = rows("", schema);
  const table = (some: Row[]) => [...HEAD, ...some.map(rowText)].join("\n");
  const facts = all.filter(({ key }) => FOLDED.test(key));
  return `${table(all.filter((one) => !facts.includes(one)))}

<details>
<summary>The ${facts.length} keys of <code>hosts.NAME.facts</code>, for a host that cannot be asked</summary>

${table(facts)}

</details>`;
}

function rowText({ key, value, fallback, what }: Row): string {
  const cells = [`\`${key}\``, value, fallback, what].map((cell) => cell.replaceAll("|", "\\|"));
  return `| ${cells.join(" | ")} |`;
}

/** Rows below one key; members that are alike in all but their name share theirs. */
function rows(above: string, node: Node): Row[] {
  return alike(node.properties ?? {}).flatMap(({ names, member }) => {
    const name = names.length === 1 ? names[0] : `{${names.join(",")}}`;
    const key = above === "" ? `${name}` : `${above}.${name}`;
    const required = names.some((one) => node.required?.includes(one));
    return [row(key, member, required), ...below(key, member)];
  });
}

function alike(members: Record<string, Node>): { names: string[]; member: Node }[] {
  const groups = new Map<string, { names: string[]; member: Node }>();
  for (const [name, member] of Object.entries(members)) {
    const id = member.properties || member.oneOf ? JSON.stringify(member) : name;
    const group = groups.get(id);
    if (group) group.names.push(name);
    else groups.set(id, { names: [name], member });
  }
  return [...groups.values()];
}

function below(key: string, node: Node): Row[] {
  const kinds = kindsOf(node);
  if (kinds.length > 0) return kinds.flatMap((kind) => kindRows(key, kind));
  if (node.properties) return rows(key, node);
  if (node.items?.properties) return rows(`${key}[]`, node.items);
  const named = node.additionalProperties;
  return typeof named === "object" && named.properties ? rows(`${key}.NAME`, named) : [];
}

/** The members of a tagged union. */
function kindsOf(node: Node): Node[] {
  return (node.oneOf ?? node.anyOf ?? []).filter((option) => option.properties?.kind?.const !== undefined);
}

function kindRows(key: string, node: Node): Row[] {
  const { kind, ...properties } = node.properties ?? {};
  return rows(`${key} (${kind?.const})`, { ...node, properties });
}

function row(key: string, node: Node, required: boolean): Row {
  const link = node.link ? ` [more](${node.link})` : "";
  return {
    key,
    value: values(node),
    fallback: required ? "**required**" : fallback(node),
    what: `${node.description ?? ""}${link}`,
  };
}

function values(node: Node): string {
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

function fallback(node: Node): string {
  if (node.computed) return node.computed;
  const value = node.default;
  if (value === undefined || (typeof value === "object" && Object.keys(value as object).length === 0))
    return "";
  return `\`${typeof value === "object" ? JSON.stringify(value).replace(/["{}]/g, "").replace(":", ": ") : String(value)}\``;
}
