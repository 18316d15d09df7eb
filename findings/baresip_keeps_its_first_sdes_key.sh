#!/usr/bin/env bash
# baresip 1.0.0 (Debian 12) takes no other SDES key within a call: a re-INVITE whose `a=crypto` has another key is
# answered with 200, and what then comes under that key it cannot read; it goes on reading what comes under the first
# one. RFC 4568 7.1.4 has a new key in a new offer replace the old one. Who moves the media of such a call keeps its key.
#
# What is run: baresip is called on loopback with SDES and hears RTP under the first key, then a re-INVITE with another
# key, RTP under that, and RTP under the first again. Counted are baresip's lines "failed to decrypt". Seen:
# "first key 0 of 50 unread; re-INVITE 200; second key 50 of 50 unread; first key again 0 of 50 unread".
set -euo pipefail

version=1.0.0-4+b3
folder=$(mktemp -d)
trap 'kill "${phone:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "baresip-core=$version" "libre0=1.1.0-1+b2" "librem0=0.6.0-4" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv python
python/bin/pip install -q --no-cache-dir pylibsrtp==0.12.0
modules=$(dirname "$(find root -name account.so | head -n 1)")
libraries=$(dirname "$(find root -name 'libre.so*' | head -n 1)")

mkdir conf
printf '<sip:phone@127.0.0.1;transport=udp>;regint=0;answermode=auto;mediaenc=srtp-mand\n' >conf/accounts
cat >conf/config <<CONF
sip_listen 127.0.0.1:47170
module_path $folder/$modules
module srtp.so
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

python/bin/python - <<'ASK' || { cat phone.log; exit 1; }
import base64, re, socket, struct, sys, time
from pathlib import Path
from pylibsrtp import Policy, Session

PHONE, CALL = ("127.0.0.1", 47170), "two-keys-1"
door, media = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
for one in (door, media):
    one.bind(("127.0.0.1", 0))
door.settimeout(1)
here = "127.0.0.1:%d" % door.getsockname()[1]
FIRST, SECOND = bytes(range(30)), bytes(range(100, 130))
sequence = 0


def offer(version, key):
    return (
        f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {media.getsockname()[1]} RTP/SAVP 0\r\na=sendrecv\r\n"
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}\r\n"
    )


def ask(method, number, tag="", body=""):
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:phone@127.0.0.1:47170 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@{here}>;tag=us\r\nTo: <sip:phone@127.0.0.1>{tag}\r\nCall-ID: {CALL}\r\n"
        f"CSeq: {number} {method}\r\nContact: <sip:a@{here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def invite(number, key, tag=""):
    """The 200 to an INVITE that is sent until it comes, acknowledged."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        door.sendto(ask("INVITE", number, tag, offer(number, key)), PHONE)
        try:
            while True:
                answer = door.recv(65535).decode()
                if answer.startswith("SIP/2.0 ") and f"CSeq: {number} INVITE" in answer and answer[8] != "1":
                    tag = ";tag=" + re.search(r"^To:.*;tag=([^;\s]+)", answer, re.M)[1]
                    door.sendto(ask("ACK", number, tag), PHONE)
                    return answer, tag
        except (TimeoutError, ConnectionError):
            continue
    sys.exit("no answer to INVITE")


def unread(session, port):
    """How many of 50 packets baresip says that it cannot decrypt."""
    global sequence
    before = Path("phone.log").read_text(errors="replace").count("failed to decrypt")
    for _ in range(50):
        sequence += 1
        packet = struct.pack("!BBHII", 0x80, 0, sequence, sequence * 160, 0x1234) + b"\xff" * 160
        media.sendto(session.protect(packet), ("127.0.0.1", port))
        time.sleep(0.02)
    time.sleep(1)
    return Path("phone.log").read_text(errors="replace").count("failed to decrypt") - before


def port(answer):
    return int(re.search(r"^m=audio (\d+)", answer, re.M)[1])


first, second = (Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)) for key in (FIRST, SECOND))
answer, tag = invite(1, FIRST)
one = unread(first, port(answer))
answer, _ = invite(2, SECOND, tag)
two = unread(second, port(answer))
three = unread(first, port(answer))
status = int(answer.split()[1])
print(f"first key {one} of 50 unread; re-INVITE {status}; second key {two} of 50 unread; first key again {three} of 50 unread")
door.sendto(ask("BYE", 3, tag), PHONE)
sys.exit((one, status, two, three) != (0, 200, 50, 0))
ASK
echo "as described: baresip $version"
