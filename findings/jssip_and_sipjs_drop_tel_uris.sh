#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, their parsers alone, under node.
#
# Guess: an INVITE whose From is a tel URI (RFC 3261 section 20.20 takes any absolute URI there, and carriers write
# <tel:+86...>) rings a page like any other; at worst it is refused with 400 or 416.
# Seen: both parsers give no message at all, so that the library answers nothing and the page never learns of the call.
# The caller hears silence until a timer ends the call. The same INVITE with a sip URI in From is read by both.
#
# Output seen:
#   sip JsSIP read SIP.js read
#   tel JsSIP nothing SIP.js nothing
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null

cat >read.mjs <<'JS'
import { createRequire } from "module";
import { Parser } from "sip.js/lib/core/messages/parser.js";
const jssip = createRequire(import.meta.url)("jssip/lib/Parser");
const quiet = { warn() {}, error() {}, log() {}, debug() {} };
const kind = (found) => (found ? "read" : "nothing");
for (const [name, uri] of [["sip", "sip:+8613800138000@carrier.example"], ["tel", "tel:+8613800138000"]]) {
  const text = [
    "INVITE sip:page@192.0.2.9;transport=ws SIP/2.0", "Via: SIP/2.0/WSS 192.0.2.1;branch=z9hG4bK1", "Max-Forwards: 70",
    `From: <${uri}>;tag=1`, "To: <sip:page@example.com>", "Call-ID: 1@192.0.2.3", "CSeq: 1 INVITE",
    "Contact: <sip:carrier@192.0.2.3>", "Content-Length: 0", "", "",
  ].join("\r\n");
  const one = jssip.parseMessage(text, { configuration: {} }), other = Parser.parseMessage(text, quiet);
  console.log(name, "JsSIP", kind(one), "SIP.js", kind(other));
}
JS

node read.mjs | tee seen
diff seen - <<'SEEN' && echo "as stated"
sip JsSIP read SIP.js read
tel JsSIP nothing SIP.js nothing
SEEN
