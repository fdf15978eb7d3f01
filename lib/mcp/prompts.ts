/**
 * The prompts: questions that a person picks, each naming the tool that answers it. Needs no
 * permission: the clients that complete arguments are passed in.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { isDockerHub } from "../oci/mod.ts";
import {
  beginning,
  completeName,
  completeTag,
  type Completion,
  type CompletionContext,
  type CompletionDeps,
  NOTHING,
} from "./completion.ts";

/** One argument of a prompt. */
export interface PromptArgument {
  /** The name. */
  readonly name: string;
  /** What it is. */
  readonly description: string;
  /** Prompts of Wharf need all of theirs. */
  readonly required: true;
}

/** A prompt. */
export interface PromptDefinition {
  /** The name that clients ask for. */
  readonly name: string;
  /** The name that people read. */
  readonly title: string;
  /** What it asks. */
  readonly description: string;
  /** What it needs to know. */
  readonly arguments: readonly PromptArgument[];
  /**
   * Writes the user's message.
   *
   * @throws {AppError} `INVALID_ARGUMENT` for an argument that is missing.
   */
  render(args: Readonly<Record<string, string>>): string;
  /**
   * Completes an argument.
   *
   * @param argument Its name.
   * @param typed What was typed so far.
   * @param context The other arguments, as far as they are known.
   * @returns Values that go on from it.
   */
  complete(argument: string, typed: string, context: CompletionContext): Promise<Completion>;
}

const ARGUMENTS = {
  registry: "Registry, for example docker.io or ghcr.io",
  repository: "Repository, for example library/alpine",
  reference: "Tag or digest, for example latest",
} as const;

type ArgumentName = keyof typeof ARGUMENTS;

/** What people most often mean; a registry cannot be asked for its peers. */
const REGISTRIES = ["docker.io", "ghcr.io", "quay.io", "mcr.microsoft.com", "public.ecr.aws"];

interface PromptSpec extends Pick<PromptDefinition, "name" | "title" | "description"> {
  readonly needs: readonly ArgumentName[];
  readonly message: (image: string) => string;
}

function bindPrompt(spec: PromptSpec, deps: CompletionDeps): PromptDefinition {
  return {
    name: spec.name,
    title: spec.title,
    description: spec.description,
    arguments: spec.needs.map((name) => ({ name, description: ARGUMENTS[name], required: true })),
    render(args) {
      const values = spec.needs.map((name) => {
        const value = cleanText(args[name] ?? "", { maxChars: 300 });
        if (value !== "") return value;
        throw new AppError(
          "INVALID_ARGUMENT",
          `Cannot use prompt ${spec.name}: "${name}" is missing`,
          {
            hint: `Pass ${spec.needs.join(", ")}`,
          },
        );
      });
      const [registry, repository, reference] = values;
      const name = `${registry}/${repository}`;
      if (reference === undefined) return spec.message(name);
      return spec.message(`${name}${reference.includes(":") ? "@" : ":"}${reference}`);
    },
    async complete(argument, typed, { variables, signal }) {
      const { registry = "", repository = "" } = variables;
      if (!spec.needs.some((name) => name === argument)) return NOTHING;
      if (argument === "registry") return beginning(REGISTRIES, typed);
      if (argument === "reference" && registry !== "" && repository !== "") {
        return await completeTag(deps, typed, { name: `${registry}/${repository}`, signal });
      }
      const isSearched = argument === "repository" && isDockerHub(registry);
      return isSearched ? await completeName(deps, typed, signal) : NOTHING;
    },
  };
}

/** The first servers that Wharf replaces had the same. */
const PROMPTS: readonly PromptSpec[] = [
  {
    name: "list_tags_prompt",
    title: "List tags",
    description: "Ask for the tags of a repository.",
    needs: ["registry", "repository"],
    message: (image) =>
      `List the tags of ${image}. Call list_tags with repository="${image}" and show the newest versions first.`,
  },
  {
    name: "list_architectures_prompt",
    title: "List architectures",
    description: "Ask which platforms an image runs on.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `Which platforms does ${image} run on? Call get_image_info with image_ref="${image}" and list its platforms.`,
  },
  {
    name: "list_digests_prompt",
    title: "List digests",
    description: "Ask for the digests of an image, to pin it.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `What are the digests of ${image}? Call get_image_info with image_ref="${image}"; give the pinned reference and the digest of each platform.`,
  },
  {
    name: "list_annotations_prompt",
    title: "List annotations",
    description: "Ask for the annotations and labels of an image.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `What annotations and labels does ${image} carry? Call get_image_info with image_ref="${image}" and list them.`,
  },
];

/**
 * The prompts of the image half.
 *
 * @param deps The clients that complete arguments.
 * @returns The prompts.
 */
export function imagePrompts(deps: CompletionDeps): readonly PromptDefinition[] {
  return PROMPTS.map((spec) => bindPrompt(spec, deps));
}
