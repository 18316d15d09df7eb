#!/usr/bin/env bash
# sdp-transform 3.0.0, under node.
#
# Guess: a description that is parsed and written again says the same; what the library does not know stays as it was.
# Seen: "a=rtcp-mux-only" (RFC 8858: RTCP goes with RTP or not at all) is read as "a=rtcp-mux", and comes out as that.
# Whoever changes one line of an offer by it turns a demand into a wish, and the other side may answer with a second
# port that nobody listens on.
#
# Output seen:
#   a=rtcp-mux
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0 >/dev/null

cat >read.mjs <<'JS'
import { parse, write } from "sdp-transform";
const lines = [
  "v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 5000 UDP/TLS/RTP/SAVPF 0",
  "a=rtcp-mux-only", "",
];
console.log(write(parse(lines.join("\r\n"))).split("\r\n").filter((line) => line.includes("mux")).join("\n"));
JS

node read.mjs | tee seen
diff seen - <<'SEEN' && echo "as stated"
a=rtcp-mux
SEEN
