import type { ErrorCode, UserError } from "../../stacks/errors.ts";

export function removeStaged(target: string): void;
export const NODE_VERSION: string;
export function userError(code: ErrorCode, message: string): UserError;
export function cacheDirectory(environment?: NodeJS.ProcessEnv): string;
export function runsTypeScript(version?: string): boolean;
export function withoutNpms(path?: string): string[];
export function onPath(program: string, path?: string): string | undefined;
export function showProgress(label: string, counter?: () => string): (ending: string) => void;
export function withLock<T>(key: string, work: () => Promise<T>): Promise<T>;
export function runQuietly(program: string, args: readonly string[], options?: object): Promise<void>;
export function ensureNode(root: string, cache?: string): Promise<string>;
export function packagesStamp(root: string): string;
export function packagesMatch(root: string): boolean;
export function ensurePackages(root: string, path?: string): Promise<void>;
