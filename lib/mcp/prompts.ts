/**
 * The prompts: questions that a person picks, each naming the tool that answers it. Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

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
}

const ARGUMENTS = {
  registry: "Registry, for example docker.io or ghcr.io",
  repository: "Repository, for example library/alpine",
  reference: "Tag or digest, for example latest",
} as const;

type ArgumentName = keyof typeof ARGUMENTS;

function definePrompt(
  spec: Pick<PromptDefinition, "name" | "title" | "description"> & {
    readonly needs: readonly ArgumentName[];
    readonly message: (image: string) => string;
  },
): PromptDefinition {
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
  };
}

/** The prompts of the image half; the first servers that Wharf replaces had the same. */
export const IMAGE_PROMPTS: readonly PromptDefinition[] = [
  definePrompt({
    name: "list_tags_prompt",
    title: "List tags",
    description: "Ask for the tags of a repository.",
    needs: ["registry", "repository"],
    message: (image) =>
      `List the tags of ${image}. Call list_tags with repository="${image}" and show the newest versions first.`,
  }),
  definePrompt({
    name: "list_architectures_prompt",
    title: "List architectures",
    description: "Ask which platforms an image runs on.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `Which platforms does ${image} run on? Call get_image_info with image_ref="${image}" and list its platforms.`,
  }),
  definePrompt({
    name: "list_digests_prompt",
    title: "List digests",
    description: "Ask for the digests of an image, to pin it.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `What are the digests of ${image}? Call get_image_info with image_ref="${image}"; give the pinned reference and the digest of each platform.`,
  }),
  definePrompt({
    name: "list_annotations_prompt",
    title: "List annotations",
    description: "Ask for the annotations and labels of an image.",
    needs: ["registry", "repository", "reference"],
    message: (image) =>
      `What annotations and labels does ${image} carry? Call get_image_info with image_ref="${image}" and list them.`,
  }),
];
