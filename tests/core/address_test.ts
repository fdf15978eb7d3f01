import assert from "node:assert/strict";
import fc from "fast-check";
import { type AddressKind, addressKind } from "../../lib/core/address.ts";

const KINDS: Readonly<Record<AddressKind, readonly string[]>> = {
  "loopback": [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "::1",
    "[::1]",
    "::",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "[::FFFF:127.0.0.1]",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
  ],
  "link-local": [
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::1%25eth0]",
    "febf::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:6464:64c8::",
  ],
  "private": [
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "fc00::1",
    "fd12:3456:789a::1",
    "fd00:ec2::253",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "64:ff9b::192.168.1.1",
    "64:ff9b:1::8.8.8.8",
    "2002:c0a8:101::",
  ],
  "public": [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "[2001:4860:4860::8888]",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::",
    "fbff::1",
    "fe00::1",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:1.2.3.4",
  ],
};

for (const [kind, addresses] of Object.entries(KINDS)) {
  Deno.test(`addressKind() knows ${kind} addresses`, () => {
    for (const address of addresses) assert.equal(addressKind(address), kind, address);
  });
}

Deno.test("addressKind() takes names and malformed addresses for no address", () => {
  const texts = [
    "",
    "registry.example",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.4444",
    "0x7f.0.0.1",
    "1.2.3.4:80",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8:9",
    "::ffff:1.2.3.256",
    "::fffff",
    "::g",
    "1:2:3:4:5:6:7:8::",
  ];
  for (const text of texts) assert.equal(addressKind(text), undefined, text);
});

Deno.test("addressKind() gives an IPv4 address the same kind in every form that holds it", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const kind = addressKind(address);
      assert.notEqual(kind, undefined);
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
      const high = (a * 256 + b).toString(16);
      const low = (c * 256 + d).toString(16);
      const forms = [
        `::ffff:${address}`,
        `::ffff:${high}:${low}`,
        `::ffff:0:${high}:${low}`,
        `64:ff9b::${address}`,
        `2002:${high}:${low}::1`,
      ];
      for (const form of forms) assert.equal(addressKind(form), kind, form);
    }),
    { seed: 20260101, numRuns: 1000 },
  );
});

Deno.test("addressKind() knows every address that URL accepts as one", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4Extended(), fc.ipV6().map((text) => `[${text}]`)), (address) => {
      // URL normalises; what it makes of an address is what the policy is asked about.
      const { hostname } = new URL(`http://${address}/`);
      assert.notEqual(addressKind(hostname), undefined, `${address} -> ${hostname}`);
    }),
    { seed: 20260101, numRuns: 1000 },
  );
});
