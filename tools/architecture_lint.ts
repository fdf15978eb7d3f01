/**
 * Plugin of `deno lint` that makes the rules of the house errors: the layer table and its doors,
 * one importer per package, no ambient effects outside `lib/host`, the grammar of errors, and a
 * module comment on every file. Needs no permission.
 *
 * @module
 */

import {
  AMBIENT,
  AMBIENT_MEMBERS,
  DOORS,
  EFFECTFUL,
  HOST_NODE,
  LAYERS,
  PACKAGES,
  PURE_NODE,
} from "./architecture.ts";

/** What a rule is about: a file that the layer table knows, or could know. */
interface Place {
  /** Path inside the repository, with forward slashes. */
  readonly path: string;
  /** Name of the unit, as the layer table has it. */
  readonly unit: string;
}

type Import =
  | Deno.lint.ImportDeclaration
  | Deno.lint.ExportNamedDeclaration
  | Deno.lint.ExportAllDeclaration
  | Deno.lint.ImportExpression;

/** Builders that stand in for AppError in lib; `core` has the one class. */
const BARE_ERRORS = new Set([
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "AggregateError",
  "URIError",
]);

/** Parents under which an identifier is a name and not a use. */
const NAME_POSITIONS: ReadonlySet<string> = new Set([
  "TSPropertySignature",
  "TSMethodSignature",
  "MethodDefinition",
  "PropertyDefinition",
]);

const root = new URL("../", import.meta.url).pathname;

/** The place of a file, or nothing for files that the table is not about. */
function placeOf(filename: string): Place | undefined {
  const forward = filename.replaceAll("\\", "/");
  // A Windows path has a drive letter where the URL's path has a slash before it.
  const prefix = forward.startsWith("/") ? root : root.slice(1);
  const path = forward.startsWith(prefix) ? forward.slice(prefix.length) : forward;
  const unit = unitOf(path);
  return unit === undefined ? undefined : { path, unit };
}

/**
 * `lib/oci/client.ts` is of `oci`, `lib/app.ts` of `app`, `main.ts` of `main`; `host.ts`, the public
 * door of `lib/host`, is of `host`.
 */
function unitOf(path: string): string | undefined {
  if (["host.ts", "main.ts", "mod.ts"].includes(path)) return path.slice(0, -".ts".length);
  const [top, name] = path.split("/");
  return top === "lib" ? name?.replace(/\.ts$/, "") : undefined;
}

/** The path inside the repository that a relative specifier points at. */
function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The text of an import's specifier, or nothing where it is computed. */
function specifierOf(node: Import): string | undefined {
  const source = node.source;
  if (source === null) return undefined;
  return source.type === "Literal" && typeof source.value === "string" ? source.value : undefined;
}

/** Calls `check` with each import of a file, static, dynamic or re-exporting. */
function eachImport(
  check: (specifier: string, node: Import) => void,
): Deno.lint.LintVisitor {
  const visit = (node: Import): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) check(specifier, node);
  };
  return {
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
  };
}

/** Which unit may import which, and through which file. */
const layers: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined) return {};
    const { path, unit } = place;
    const allowed = LAYERS[unit];
    if (allowed === undefined) {
      return {
        Program() {
          context.report({
            range: [0, 0],
            message: `lib/${unit} has no row in the layer table`,
            hint: "Add it to LAYERS in tools/architecture.ts",
          });
        },
      };
    }
    return eachImport((specifier, node) => {
      if (!specifier.startsWith(".")) return;
      const target = resolve(path, specifier);
      const to = unitOf(target);
      if (to === undefined) {
        if (unit !== "main" && target.endsWith(".ts")) {
          context.report({
            node,
            message: `${path} may not import ${target}, which is outside of lib`,
            hint: "Development code and the program do not share modules",
          });
        }
        return;
      }
      if (to === unit) return;
      if (!allowed.includes(to)) {
        context.report({
          node,
          message: `${unit} may not import ${to}`,
          hint: `Allowed: ${allowed.join(", ") || "nothing"}`,
        });
        return;
      }
      const doors = DOORS[to] ?? ["mod.ts"];
      const inside = target.slice(`lib/${to}/`.length);
      if (target !== `lib/${to}.ts` && doors !== "every file" && !doors.includes(inside)) {
        context.report({
          node,
          message: `${unit} reaches into ${to} past its door`,
          hint: `Import lib/${to}/${doors.join(` or lib/${to}/`)}`,
        });
      }
    });
  },
};

/** Re-exports name what they export, so that a new export is a decision. */
const wildcards: Deno.lint.Rule = {
  create(context) {
    if (placeOf(context.filename) === undefined) return {};
    return {
      ExportAllDeclaration(node) {
        context.report({
          node,
          message: "Export by name, not by wildcard",
          hint: 'Use export { one, two } from "…"',
        });
      },
    };
  },
};

/** One importer per package; Node's modules only where they cannot reach outside. */
const packages: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined) return {};
    return eachImport((specifier, node) => {
      if (specifier.startsWith(".")) return;
      if (specifier.startsWith("node:")) {
        const pure = PURE_NODE.has(specifier);
        if (!pure && !(HOST_NODE.has(specifier) && EFFECTFUL.has(place.unit))) {
          context.report({
            node,
            message: `${place.unit} may not import "${specifier}"`,
            hint:
              "Effects belong to lib/host: see PURE_NODE and HOST_NODE in tools/architecture.ts",
          });
        }
        return;
      }
      const name = Object.keys(PACKAGES).find((known) =>
        specifier === known || specifier.startsWith(`${known}/`)
      );
      const files = name === undefined ? [] : PACKAGES[name] ?? [];
      if (!files.some((prefix) => place.path.startsWith(prefix))) {
        context.report({
          node,
          message: `${place.path} may not import "${specifier}"`,
          hint: files.length === 0
            ? "A new package needs a row in PACKAGES in tools/architecture.ts and a reason"
            : `One package, one importer: take it from ${files.join(" or ")}`,
        });
      }
    });
  },
};

/** No ambient effect outside of lib/host and main.ts. */
const ambient: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined || EFFECTFUL.has(place.unit)) return {};
    const report = (node: Deno.lint.Node, name: string): void =>
      context.report({
        node,
        message: `${place.unit} may not use the ambient "${name}"`,
        hint: "Receive it as an interface of lib/core (Net, Disk, Processes, Clock, Log)",
      });
    return {
      Identifier(node) {
        if (AMBIENT.has(node.name) && !isName(node)) report(node, node.name);
      },
      MemberExpression(node) {
        const text = context.sourceCode.getText(node);
        if (AMBIENT_MEMBERS.has(text)) report(node, text);
      },
      NewExpression(node) {
        if (
          node.callee.type === "Identifier" && node.callee.name === "Date" &&
          node.arguments.length === 0
        ) report(node, "new Date()");
      },
    };
  },
};

/** Whether an identifier only names a member, as `fetch` does in `net.fetch(request)`. */
function isName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  if (NAME_POSITIONS.has(parent.type)) return true;
  if (parent.type === "MemberExpression") return parent.property === node && !parent.computed;
  // A shorthand has its identifier twice: as the key, and as the value, which is the use.
  if (parent.type === "Property") return parent.key === node && !parent.computed;
  return parent.type === "TSQualifiedName" && parent.right === node;
}

/** AppError only, and its message is `Cannot <action> "<value>": <state>`. */
const errors: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined) return {};
    const bare = (node: Deno.lint.NewExpression | Deno.lint.CallExpression): void => {
      if (place.unit === "core" || node.callee.type !== "Identifier") return;
      if (!BARE_ERRORS.has(node.callee.name)) return;
      context.report({
        node,
        message: `Use AppError, not ${node.callee.name}`,
        hint: "An AppError has a code for programs and a hint for people",
      });
    };
    return {
      CallExpression: bare,
      NewExpression(node) {
        bare(node);
        if (node.callee.type !== "Identifier" || node.callee.name !== "AppError") return;
        const message = node.arguments[1];
        if (message === undefined) return;
        for (const { first, last } of texts(message)) {
          if (first !== undefined && !first.startsWith("Cannot ")) {
            context.report({
              node: message,
              message: 'An error\'s message begins with "Cannot "',
              hint: 'Cannot <action> "<value>": <state>',
            });
          }
          if (last?.endsWith(".")) {
            context.report({
              node: message,
              message: "An error's message ends without a period",
              hint: "It is shown inside of other sentences",
            });
          }
        }
      },
    };
  },
};

/**
 * The first and last text of every form that an expression can take, where they are in the code. A
 * template may begin with a variable named `cannot`, which holds the beginning.
 */
function texts(node: Deno.lint.Node): { readonly first?: string; readonly last?: string }[] {
  if (node.type === "Literal" && typeof node.value === "string") {
    return [{ first: node.value, last: node.value }];
  }
  if (node.type === "TemplateLiteral") {
    const opening = node.expressions[0];
    const given = node.quasis[0]?.cooked === "" && opening?.type === "Identifier" &&
      opening.name === "cannot";
    const first = given ? undefined : node.quasis[0]?.cooked;
    const last = node.quasis.at(-1)?.cooked;
    return [{
      ...(first === undefined ? {} : { first }),
      ...(last === undefined ? {} : { last }),
    }];
  }
  if (node.type === "ConditionalExpression") {
    return [...texts(node.consequent), ...texts(node.alternate)];
  }
  if (node.type === "BinaryExpression" && node.operator === "+") {
    const left = texts(node.left).map(({ first }) => first === undefined ? {} : { first });
    const right = texts(node.right).map(({ last }) => last === undefined ? {} : { last });
    return [...left, ...right];
  }
  return [];
}

/** Every file says what it is for before it says anything else. */
const moduleDoc: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined) return {};
    return {
      Program(node) {
        const comment = node.comments[0];
        const text = context.sourceCode.text;
        const first = comment?.type === "Block" && comment.value.startsWith("*") &&
          comment.value.includes("@module") &&
          /^(#![^\n]*\n)?\s*$/.test(text.slice(0, comment.range[0]));
        if (first) return;
        context.report({
          range: [0, 0],
          message: "A file begins with a /** … @module */ comment",
          hint: "Say its purpose, the permission that it needs, and one example where useful",
        });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "architecture",
  rules: { layers, wildcards, packages, ambient, errors, "module-doc": moduleDoc },
};

export default plugin;
