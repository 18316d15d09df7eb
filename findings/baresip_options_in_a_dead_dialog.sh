#!/usr/bin/env bash
# baresip 1.0.0 (Debian 12) answers OPTIONS with 200 in a dialog that is over, where RFC 3261 12.2.2 lets one expect
# 481, as it does say to INFO. Who asks with OPTIONS whether a call still stands believes that it stands for ever;
# INFO is the question that tells.
#
# What is run: a call to baresip on loopback is answered and hung up by the caller; then OPTIONS and INFO come with the
# tags and the Call-ID of that call. Seen: "OPTIONS 200" and "INFO 481".
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
printf '<sip:phone@127.0.0.1;transport=udp>;regint=0;answermode=auto\n' >conf/accounts
cat >conf/config <<CONF
sip_listen 127.0.0.1:47160
module_path $folder/$modules
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

PHONE, CALL = ("127.0.0.1", 47160), "dead-dialog-1"
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("127.0.0.1", 0))
door.settimeout(1)
here = "127.0.0.1:%d" % door.getsockname()[1]
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


def ask(method, number, tag="", body=""):
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:phone@127.0.0.1:47160 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@{here}>;tag=us\r\nTo: <sip:phone@127.0.0.1>{tag}\r\nCall-ID: {CALL}\r\n"
        f"CSeq: {number} {method}\r\nContact: <sip:a@{here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def final(method, number, tag="", body=""):
    """The final response to a request, sent again each second until it comes; 20 s at most."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        door.sendto(ask(method, number, tag, body), PHONE)
        try:
            while True:
                answer = door.recv(65535).decode()
                status = int(answer.split()[1]) if answer.startswith("SIP/2.0 ") else 0
                if status >= 200 and f"CSeq: {number} {method}" in answer:
                    return status, answer
        except (TimeoutError, ConnectionError):
            continue
    sys.exit(f"no answer to {method}")


status, answer = final("INVITE", 1, body=SDP)
tag = ";tag=" + re.search(r"^To:.*;tag=([^;\s]+)", answer, re.M)[1]
door.sendto(ask("ACK", 1, tag), PHONE)
ended, _ = final("BYE", 2, tag)
options, _ = final("OPTIONS", 3, tag)
info, _ = final("INFO", 4, tag)
print("INVITE", status, "BYE", ended, "OPTIONS", options, "INFO", info)
sys.exit((status, ended, options, info) != (200, 200, 200, 481))
ASK
echo "as described: baresip $version"
