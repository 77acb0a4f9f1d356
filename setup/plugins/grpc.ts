/**
 * What both fallback plugins share: a gRPC server on a free local port, handlers written as plain async functions,
 * and an end when the engine that started the program is gone.
 */
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type * as Grpc from "@grpc/grpc-js";
import type * as Structs from "google-protobuf/google/protobuf/struct_pb.js";
import type { Bag } from "./command/values.ts";

const require = createRequire(import.meta.url);
const MIB = 1024 * 1024;
/** Largest message in either direction; the engine's own bound. */
export const MAX_MESSAGE_BYTES = 400 * MIB;
const PARENT_POLL_MILLISECONDS = 2000;
/** How long the end waits for calls in progress: a program that ignores its SIGINT is killed after 5 s. */
const END_MILLISECONDS = 7000;
const END_POLL_MILLISECONDS = 20;

/** The gRPC library, loaded when first needed. */
export const grpc = require("@grpc/grpc-js") as typeof Grpc;
const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js") as typeof Structs;

/** An error with a gRPC status; any other error that a handler throws becomes UNKNOWN, as in Go. */
export class RpcError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The answer for a method that the released program does not have either; the engine handles it. */
export function unimplemented(method: string): never {
  throw new RpcError(grpc.status.UNIMPLEMENTED, `${method} is not implemented`);
}

type Handler<Request, Response> = (request: Request) => Response | Promise<Response>;

/** Calls in progress: each may run a command or the user's program. */
let running = 0;

/** Makes a gRPC method of an async function. */
export function unary<Request, Response>(
  handler: Handler<Request, Response>,
): Grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    running++;
    Promise.resolve()
      .then(() => handler(call.request))
      .finally(() => running--)
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(statusOf(error)),
      );
  };
}

/** The gRPC status of a thrown error. */
export function statusOf(error: unknown): Partial<Grpc.StatusObject> {
  const code = error instanceof RpcError ? error.code : grpc.status.UNKNOWN;
  return { code, details: error instanceof Error ? error.message : String(error) };
}

/** A protocol Struct as a plain bag. */
export function fromStruct(struct: Structs.Struct | undefined): Bag {
  return (struct?.toJavaScript() ?? {}) as Bag;
}

/** A plain bag as a protocol Struct. */
export function toStruct(bag: Bag): Structs.Struct {
  return Struct.fromJavaScript(bag);
}

/** The engine's address among the arguments it starts a plugin with (`--tracing URL` may precede it). */
export function engineAddress(args: readonly string[]): string | undefined {
  return args.filter((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--tracing")[0];
}

/**
 * Serves until the process ends; the port goes to stdout as its first line, which is what the engine reads. `cancelled`
 * is aborted before the end, so that the programs it started end with it.
 */
export async function serve(
  register: (server: Grpc.Server) => void,
  cancelled: AbortController,
): Promise<Grpc.Server> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  });
  register(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.stdout.write(`${port}\n`);
  endWithParent(cancelled);
  return server;
}

/** The engine ends a plugin with SIGINT; an engine that was killed cannot, so the parent is watched. */
function endWithParent(cancelled: AbortController): void {
  const parent = process.ppid;
  const end = (): void => void endInOrder(cancelled);
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, PARENT_POLL_MILLISECONDS).unref();
}

async function endInOrder(cancelled: AbortController): Promise<void> {
  cancelled.abort();
  const until = Date.now() + END_MILLISECONDS;
  while (running > 0 && Date.now() < until) await sleep(END_POLL_MILLISECONDS);
  process.exit(0);
}
