/** Starts a fallback plugin as the engine does, and talks to it over gRPC; with a fake engine that keeps its log. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type * as Grpc from "@grpc/grpc-js";
import type * as EngineRpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type * as EngineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import type * as EmptyMessages from "google-protobuf/google/protobuf/empty_pb.js";

const require = createRequire(import.meta.url);
export const grpc = require("@grpc/grpc-js") as typeof Grpc;
const engineRpc = require("@pulumi/pulumi/proto/engine_grpc_pb.js") as typeof EngineRpc;
const { Empty } = require("google-protobuf/google/protobuf/empty_pb.js") as typeof EmptyMessages;
export const empty = (): EmptyMessages.Empty => new Empty();

const ROOT = join(import.meta.dirname, "../..");
const MIB = 1024 * 1024;
const OPTIONS = { "grpc.max_receive_message_length": 100 * MIB, "grpc.max_send_message_length": 100 * MIB };

/** A running fallback plugin. */
export type Running = {
  child: ChildProcess;
  address: string;
  output: () => string;
  stop: () => Promise<void>;
};

/** Starts `setup/plugins/<name>` and reads its port from the first line. */
export async function startPlugin(
  name: "command-plugin.ts" | "language-host.ts",
  args: string[] = [],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Running> {
  const child = spawn(process.execPath, [join(ROOT, "setup/plugins", name), ...args], {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, "line").then(([line]) => String(line)),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`${name} ended with ${code}: ${output}`))),
  ]);
  lines.on("line", (line) => {
    output += `${line}\n`;
  });
  return {
    child,
    address: `127.0.0.1:${Number(first)}`,
    output: () => output,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGINT");
      await once(child, "exit");
    },
  };
}

type ClientType<Client> = new (
  address: string,
  credentials: Grpc.ChannelCredentials,
  options: object,
) => Client;

/** A client of one of the generated services. */
export function clientOf<Client>(Type: ClientType<Client>, address: string): Client {
  return new Type(address, grpc.credentials.createInsecure(), OPTIONS);
}

/** Calls a unary method and resolves with the answer's plain form, or rejects with the status. */
export function call<Response>(client: object, method: string, request: object): Promise<Response> {
  const invoke = (
    client as Record<string, (request: object, done: (error: unknown, response: Response) => void) => void>
  )[method];
  if (invoke === undefined) throw new Error(`the client has no method ${method}`);
  return new Promise((resolve, reject) => {
    invoke.call(client, request, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** One line that a plugin sent to the engine. */
export type Logged = { message: string; urn: string; ephemeral: boolean; severity: number };

/** An engine that only keeps what is logged to it. */
export async function startEngine(): Promise<{ address: string; logged: Logged[]; stop: () => void }> {
  const logged: Logged[] = [];
  const server = new grpc.Server();
  const unused: Grpc.handleUnaryCall<unknown, unknown> = (_call, done) => done({ code: 12 });
  const log: Grpc.handleUnaryCall<EngineMessages.LogRequest, EmptyMessages.Empty> = ({ request }, done) => {
    logged.push({
      message: request.getMessage(),
      urn: request.getUrn(),
      ephemeral: request.getEphemeral(),
      severity: request.getSeverity(),
    });
    done(null, new Empty());
  };
  const methods = Object.fromEntries(Object.keys(engineRpc.EngineService).map((name) => [name, unused]));
  server.addService(
    engineRpc.EngineService as unknown as Grpc.ServiceDefinition,
    { ...methods, log } as never,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, logged, stop: () => server.forceShutdown() };
}
