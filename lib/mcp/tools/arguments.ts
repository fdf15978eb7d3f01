/**
 * What several tools share: the same arguments under the same names. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import type { ToolAnnotations } from "../tool.ts";

/** Reads from the world, changes nothing. */
export const READS: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: true,
};

/** How every tool about an image calls its reference. */
export const IMAGE_REF: z.ZodString = z.string().min(1).describe(
  "Image, for example alpine:3.20, ghcr.io/org/app@sha256:…",
);

/** The platform of an image. */
export const PLATFORM: z.ZodOptional<z.ZodString> = z.string().optional().describe(
  "os/arch[/variant], for example linux/arm64",
);

/** Goes on after an answer that was cut. */
export const CURSOR: z.ZodOptional<z.ZodString> = z.string().optional().describe(
  "next_cursor of the answer before",
);

/** How many, in an answer. */
export const COUNT: z.ZodInt = z.int().nonnegative();
