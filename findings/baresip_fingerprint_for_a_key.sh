#!/usr/bin/env bash
# baresip 1.0.0 (Debian 12) that is set to DTLS-SRTP accepts an offer of SDES: its 200 says RTP/SAVP, has no a=crypto
# line, and names a DTLS fingerprint instead. One would expect 488, or a section with port 0 (RFC 4568 6.1: the answer
# must select a crypto attribute, else the section is refused). Whoever relays that 200 has a call without keys.
#
# What is run: an INVITE on loopback with one audio section, RTP/SAVP and one a=crypto. Seen:
# "200, RTP/SAVP, port open, crypto False, fingerprint True".
set -euo pipefail

version=1.0.0-4+b3
folder=$(mktemp -d)
trap 'kill "${phone:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "baresip-core=$version" "libre0=1.1.0-1+b2" "librem0=0.6.0-4" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
modules=$(dirname "$(find root -name account.so | head -n 1)")
libraries=$(dirname "$(find root -name 'libre.so*' | head -n 1)")

mkdir conf
printf '<sip:phone@127.0.0.1;transport=udp>;regint=0;answermode=auto;mediaenc=dtls_srtp\n' >conf/accounts
cat >conf/config <<CONF
sip_listen 127.0.0.1:47170
module_path $folder/$modules
module dtls_srtp.so
module account.so
module g711.so
module aubridge.so
module menu.so
audio_source aubridge,nil
audio_player aubridge,nil
audio_alert aubridge,nil
CONF
LD_LIBRARY_PATH="$folder/$libraries" "$(find root -name baresip -type f | head -n 1)" -f conf >phone.log 2>&1 </dev/null &
phone=$!

python3 - <<'ASK' || { cat phone.log; exit 1; }
import re, socket, sys, time

door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("127.0.0.1", 0))
door.settimeout(1)
here = "127.0.0.1:%d" % door.getsockname()[1]
body = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 0\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n"
)
invite = (
    f"INVITE sip:phone@127.0.0.1:47170 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKkeys;rport\r\nMax-Forwards: 70\r\n"
    f"From: <sip:a@{here}>;tag=us\r\nTo: <sip:phone@127.0.0.1>\r\nCall-ID: keys-1\r\nCSeq: 1 INVITE\r\n"
    f"Contact: <sip:a@{here}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
).encode()
until = time.monotonic() + 20
while time.monotonic() < until:
    door.sendto(invite, ("127.0.0.1", 47170))
    try:
        while not re.match(r"SIP/2.0 [2-6]", answer := door.recv(65535).decode()):
            pass
        break
    except (TimeoutError, ConnectionError):
        continue
else:
    sys.exit("no final answer")
port, profile = re.search(r"^m=audio (\d+) (\S+)", answer, re.M).groups() if "m=audio" in answer else ("0", "")
seen = (answer.split()[1], profile, port != "0", "a=crypto:" in answer, "a=fingerprint:" in answer)
print(seen[0], seen[1], "port open" if seen[2] else "port 0", f"crypto {seen[3]}, fingerprint {seen[4]}", sep=", ")
sys.exit(seen != ("200", "RTP/SAVP", True, False, True))
ASK
echo "as described: baresip $version"
