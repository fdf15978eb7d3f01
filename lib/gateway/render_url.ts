/**
 * The address of a remote whose catalogue entry writes it as a template. What a value can change
 * is the place that it stands in and nothing else: no other host, path segment or parameter. Needs
 * no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { valueError, type Values } from "./template.ts";

/** The address of a remote. */
export interface RenderedUrl {
  /** An http or https address; `<name>` where a value is hidden. */
  readonly url: string;
  /** Host with port, in lower case; absent where a hidden value is part of it. */
  readonly host?: string;
  /** Whether a value in it is hidden. */
  readonly isHidden: boolean;
  /** Names of the secrets in it. */
  readonly secrets: readonly string[];
}

/**
 * The address of a remote.
 *
 * @param template The catalogue's.
 * @param values What its settings come to.
 * @returns The address, values percent-encoded (RFC 3986 2.1).
 * @throws {AppError} `INVALID_ARGUMENT` for a setting without a value, a value that would lead
 * elsewhere, and an address that is none.
 */
export function renderUrl(template: string, values: Values): RenderedUrl {
  const expansion = values.expand(template, { escape: inUrl });
  if (expansion === undefined) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot work out the address "${shown(template)}": a setting in it has no value`,
      { hint: "Give it with registry-config-set" },
    );
  }
  const { text, settings } = expansion;
  const secrets = settings.filter(({ secret }) => secret).map(({ name }) => name).sort();
  for (const setting of settings) {
    if (values.engineSecret(setting) === undefined) continue;
    throw valueError(setting.name, "a podman secret can only become a whole variable");
  }
  if (expansion.isHidden) {
    const host = /^https?:\/\/([^/?#<>]+)(?:[/?#]|$)/i.exec(text)?.[1]?.toLowerCase();
    return { url: text, isHidden: true, secrets, ...(host === undefined ? {} : { host }) };
  }
  const url = parse(text, template);
  const pattern = values.expand(template, { escape: standIn })?.text ?? template;
  if (!sameShape(url, parse(pattern, template))) {
    const names = settings.map(({ name }) => name).join(", ");
    throw valueError(names, "it would lead to another part of the server");
  }
  return { url: url.href, host: url.host, isHidden: false, secrets };
}

/** A value that has no meaning of its own wherever it stands. */
function standIn(_value: string, _setting: unknown, before: string): string {
  return placeOf(before) === "port" ? "1" : "x";
}

/** Where a value stands, by the text before it. */
function placeOf(before: string): "host" | "port" | "rest" {
  const rest = before.replace(/^https?:\/\//i, "");
  if (/[/?#]/.test(rest)) return "rest";
  return rest.includes(":") ? "port" : "host";
}

function inUrl(value: string, { name }: { readonly name: string }, before: string): string {
  const place = placeOf(before);
  if (place === "rest") return encodeURIComponent(value);
  const isFit = place === "port"
    ? /^\d{1,5}$/.test(value)
    : /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::\d{1,5})?$/.test(value);
  if (isFit) return value;
  throw valueError(name, place === "port" ? "it is no port" : "it is no name of a host");
}

function parse(text: string, template: string): URL {
  const url = URL.parse(text);
  if (
    url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  ) {
    return url;
  }
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot work out the address "${shown(template)}": it is no http or https address`,
    { hint: "Check the values that stand in it with registry-config-set" },
  );
}

/** Whether two addresses have the same parts, whatever the words in them. */
function sameShape(url: URL, wanted: URL): boolean {
  const shape = ({ protocol, pathname, searchParams, hash }: URL) =>
    [protocol, pathname.split("/").length, searchParams.size, hash === ""].join();
  return shape(url) === shape(wanted);
}

function shown(template: string): string {
  return cleanText(template, { maxChars: 200 });
}
