#!/usr/bin/env bash
# sdp-transform 3.0.0, under node.
#
# Guess: of a section with two a=fingerprint lines (RFC 8122 section 5: one for each hash, so that the other side may
# choose) both are kept, as both of two a=crypto lines are.
# Seen: the last one only is there, in what is parsed and in what is written again. With the stronger hash first, as is
# usual, the weaker stays.
#
# Output seen:
#   crypto 2, fingerprints: sha-1
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0 >/dev/null

cat >read.mjs <<'JS'
import { parse, write } from "sdp-transform";
const sha = (length) => Array(length).fill("AB").join(":");
const key = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
const lines = [
  "v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 5000 RTP/SAVP 0",
  `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${key}`, `a=crypto:2 AES_CM_128_HMAC_SHA1_32 ${key}`,
  `a=fingerprint:sha-256 ${sha(32)}`, `a=fingerprint:sha-1 ${sha(20)}`, "",
];
const again = write(parse(lines.join("\r\n"))).split("\r\n");
const hashes = again.filter((line) => line.startsWith("a=fingerprint:")).map((line) => line.split(/[: ]/)[1]);
console.log(`crypto ${again.filter((line) => line.startsWith("a=crypto:")).length}, fingerprints: ${hashes.join(" ")}`);
JS

node read.mjs | tee seen
diff seen - <<'SEEN' && echo "as stated"
crypto 2, fingerprints: sha-1
SEEN
