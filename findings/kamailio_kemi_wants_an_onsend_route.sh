#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian 12) with its routing in Python (app_python3, KEMI): where the class has no method
# `ksr_onsend_route`, the send of t_relay looks for it, and leaves the AttributeError of that look behind: the request
# goes out, and t_relay raises SystemError ("returned a result with an exception set") in the script, so that whatever
# the script does after it is not done. With a method that does nothing all is well.
#
# What is run: Kamailio on loopback relays one OPTIONS by a script of a few lines, once without that method and once
# with it. Seen: "without: SystemError", "with: relayed".
set -euo pipefail

version=5.6.3-2
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "kamailio=$version" "kamailio-python3-modules=$version" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
modules=$folder/$(dirname "$(find root -name tm.so | head -n 1)")
libraries=$folder/$(dirname "$(find root -name 'libsrutils.so*' | head -n 1)")

script() {
    cat <<SCRIPT
import KSR


def mod_init():
    return Routing()


class Routing:
    def child_init(self, rank):
        return 0

    def ksr_request_route(self, msg):
        KSR.pv.sets("\$du", "sip:127.0.0.1:47162")
        KSR.tm.t_relay()
        open("$folder/relayed", "w").close()
        return 1
$1
SCRIPT
}

cat >kamailio.cfg <<CONF
#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:47161
mpath="$modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "app_python3.so"
modparam("app_python3", "load", "$folder/routing.py")
cfgengine "python"
CONF

run() {
    rm -f relayed
    LD_LIBRARY_PATH=$libraries root/usr/sbin/kamailio -DD -f kamailio.cfg -Y "$folder" -m 64 -M 8 >"$1.log" 2>&1 &
    server=$!
    python3 - <<'ASK'
import socket, time

door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("127.0.0.1", 47162))
door.settimeout(1)
ask = (
    "OPTIONS sip:a@127.0.0.1:47161 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:47162;branch=z9hG4bKone\r\nMax-Forwards: 70\r\n"
    "From: <sip:b@127.0.0.1>;tag=b\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
).encode()
until = time.monotonic() + 15
while time.monotonic() < until:
    door.sendto(ask, ("127.0.0.1", 47161))
    try:
        if door.recv(4096).startswith(b"OPTIONS"):
            break
    except (TimeoutError, ConnectionRefusedError):
        pass
else:
    raise SystemExit("the OPTIONS was not relayed")
time.sleep(1)
ASK
    kill "$server"
    wait "$server" 2>/dev/null || true
}

script "" >routing.py
run without
without=$(grep -q "SystemError: .*t_relay.* returned a result with an exception set" without.log && [ ! -e relayed ] && echo SystemError)
echo "without: $without"
script "
    def ksr_onsend_route(self, msg):
        return 1
" >routing.py
run with
with=$([ -e relayed ] && ! grep -q SystemError with.log && echo relayed)
echo "with: $with"
[ "$without $with" = "SystemError relayed" ]
