/**
 * Which registries have credentials here, and where: never the credentials themselves. Needs no
 * permission: files and variables are passed in.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Env, Files } from "../core/host.ts";
import { parseAuthFile } from "./auth_file.ts";
import { authFilePaths } from "./credentials.ts";
import { parseRegistry } from "./reference.ts";

/** A registry with a credential. */
export interface ListedCredential {
  /** The registry, or a part of its repositories. */
  readonly key: string;
  /** A variable's name, a file's path or a helper's name. */
  readonly source: string;
  /** The helper to ask, as a program; absent where the source holds the credential itself. */
  readonly helper?: string;
}

/** What {@linkcode surveyCredentials} found. */
export interface CredentialSurvey {
  /** Where credential files may be. */
  readonly paths: readonly string[];
  /** The registries, those of variables first. */
  readonly listed: readonly ListedCredential[];
  /** Programs that the files name for all other registries. */
  readonly stores: readonly string[];
  /** Files that are there, but of no use. */
  readonly problems: readonly AppError[];
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Looks for credentials; asks no helper.
 *
 * @param deps Files, variables and the home directory, if there is one.
 * @returns What is there. A file that cannot be read is a problem, not an error.
 */
export async function surveyCredentials(
  deps: { readonly files: Files; readonly env: Env; readonly home?: string },
): Promise<CredentialSurvey> {
  const { files, env, home } = deps;
  const paths = authFilePaths(env, home);
  const problems: AppError[] = [];
  const listed: ListedCredential[] = [...ownVariables(env)];
  const stores = new Set<string>();
  const read = async (path: string) => {
    try {
      return await files.read(path, { maxBytes: MAX_BYTES });
    } catch (thrown) {
      problems.push(toAppError(thrown));
      return undefined;
    }
  };
  const inline = env["DOCKER_AUTH_CONFIG"];
  const documents = [
    ...inline === undefined
      ? []
      : [{ name: "DOCKER_AUTH_CONFIG", bytes: new TextEncoder().encode(inline) }],
    ...await Promise.all(paths.map(async (name) => ({ name, bytes: await read(name) }))),
  ];
  for (const { name, bytes } of documents) {
    if (bytes === undefined) continue;
    try {
      const file = parseAuthFile(bytes, `"${name}"`);
      for (const [key, helper] of file.helpers) {
        listed.push({ key, source: name, helper: program(helper) });
      }
      for (const [key, credential] of file.entries) {
        // With a store, entries only say which registries it has something for.
        if (credential !== undefined) listed.push({ key, source: name });
        else if (file.store !== undefined && !file.helpers.has(key)) {
          listed.push({ key, source: name, helper: program(file.store) });
        }
      }
      if (file.store !== undefined) stores.add(program(file.store));
    } catch (thrown) {
      const { code, message } = toAppError(thrown);
      const hint = "Log in again to write it anew, or mend it by hand";
      problems.push(new AppError(code, message, { hint }));
    }
  }
  // The first place wins, as in a look-up.
  const keys = new Set<string>();
  const first = listed.filter(({ key }) => !keys.has(key) && keys.add(key));
  return { paths, listed: first, stores: [...stores], problems };
}

/** The operator's variables, for the hosts that may see them. */
function ownVariables(env: Env): readonly ListedCredential[] {
  const source = env["OCI_TOKEN"]?.trim()
    ? "OCI_TOKEN"
    : env["OCI_USERNAME"] && env["OCI_PASSWORD"]
    ? "OCI_USERNAME"
    : undefined;
  if (source === undefined) return [];
  const names = (env["OCI_REGISTRY"] ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  return (names.length === 0 ? ["docker.io"] : names).flatMap((name) => {
    try {
      return [{ key: parseRegistry(name), source }];
    } catch {
      // The look-up says so when it is asked.
      return [];
    }
  });
}

/** The name becomes a program's name; a path in it would run something else. */
function program(helper: string): string {
  return `docker-credential-${helper.replace(/[^A-Za-z0-9._-]/g, "")}`;
}
