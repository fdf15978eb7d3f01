/**
 * IP addresses as the address policy sees them: which are public, private,
 * loopback or link-local. Needs no permission; `lib/host/net.ts` applies it
 * after name resolution.
 *
 * @example
 * ```ts
 * import { addressKind } from "./address.ts";
 *
 * addressKind("169.254.169.254"); // "link-local"
 * addressKind("registry.example"); // undefined: a name, not an address
 * ```
 *
 * @module
 */

/** The kinds that the policy tells apart. */
export type AddressKind = "public" | "private" | "loopback" | "link-local";

/**
 * Addresses that hand out a machine's credentials, for `--deny-net`; the same as in the permission
 * sets of deno.json.
 */
export const METADATA_ADDRESSES: readonly string[] = [
  "169.254.0.0/16",
  "100.100.100.200",
  "192.0.0.192",
];

/**
 * Classifies an IP address. IPv4-mapped, NAT64 and 6to4 forms count as the
 * IPv4 address inside, since that is where the packets go.
 *
 * @param address IPv4 or IPv6 text, IPv6 with or without brackets or zone.
 * @returns The kind, or `undefined` when the text is not an address.
 */
export function addressKind(address: string): AddressKind | undefined {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const v4 = parseIpv4(bare);
  if (v4 !== undefined) return ipv4Kind(v4);
  const v6 = parseIpv6(bare);
  return v6 === undefined ? undefined : ipv6Kind(v6);
}

function parseIpv4(text: string): readonly number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? parts : undefined;
}

/** RFC 6890 registries, by first octets. */
function ipv4Kind(parts: readonly number[]): AddressKind {
  const [a = 0, b = 0, c = 0, d = 0] = parts;
  if (a === 127) return "loopback";
  // 0.0.0.0 reaches this host on most systems.
  if (a === 0) return "loopback";
  // RFC 3927; cloud metadata services live here. 100.100.100.200 and 192.0.0.192 are those outside of it.
  if (a === 169 && b === 254) return "link-local";
  if (a === 100 && b === 100 && c === 100 && d === 200) return "link-local";
  if (a === 192 && b === 0 && c === 0 && d === 192) return "link-local";
  if (a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)) return "private";
  // RFC 6598 shared space, RFC 6890 protocol assignments, RFC 2544 benchmarks, multicast and reserved.
  if (a === 100 && b >= 64 && b <= 127) return "private";
  if (a === 192 && b === 0 && c === 0) return "private";
  if (a === 198 && (b === 18 || b === 19)) return "private";
  if (a >= 224) return "private";
  return "public";
}

function parseIpv6(text: string): readonly number[] | undefined {
  if (!text.includes(":")) return undefined;
  let source = text;
  const tail = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(source);
  if (tail !== null) {
    const v4 = parseIpv4(tail[2] ?? "");
    if (v4 === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = v4;
    source = `${tail[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined) =>
    half === undefined || half === "" ? [] : half.split(":");
  const head = groups(halves[0]);
  const rest = groups(halves[1]);
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<string>(Math.max(0, missing)).fill("0"), ...rest];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return all.map((group) => Number.parseInt(group, 16));
}

function ipv6Kind(groups: readonly number[]): AddressKind {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const inner = (high: number, low: number) =>
    ipv4Kind([high >> 8, high & 255, low >> 8, low & 255]);
  const zeroTo = (count: number) => groups.slice(0, count).every((group) => group === 0);
  if (zeroTo(7) && (h === 0 || h === 1)) return "loopback";
  // RFC 4291 IPv4-mapped and IPv4-compatible, RFC 2765 IPv4-translated, RFC 6052 NAT64, RFC 3056 6to4.
  if (zeroTo(5) && f === 0xffff) return inner(g, h);
  if (zeroTo(6)) return inner(g, h);
  if (zeroTo(4) && e === 0xffff && f === 0) return inner(g, h);
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0) return inner(g, h);
  // RFC 8215: NAT64 inside one network, so a public address behind it is still reached from there.
  if (a === 0x64 && b === 0xff9b && c === 1) {
    return inner(g, h) === "link-local" ? "link-local" : "private";
  }
  if (a === 0x2002) return inner(b, c);
  // fd00:ec2::254 is the metadata address of one cloud inside the unique local range.
  if (a === 0xfd00 && b === 0xec2 && h === 0x254) return "link-local";
  if ((a & 0xffc0) === 0xfe80) return "link-local";
  if ((a & 0xfe00) === 0xfc00 || (a & 0xffc0) === 0xfec0 || (a & 0xff00) === 0xff00) {
    return "private";
  }
  return "public";
}
