#!/usr/bin/env bash
# nats-server 2.15.2 stores nothing more after its file store's disk was full, for minutes after there is room again; it
# does as soon as it is begun again. Who makes room on the disk has not mended JetStream by that.
#
# What is run: a server with a file store on a tmpfs of 16 MB, one stream that keeps the last record of each subject.
# A record is stored; another file fills the disk, and a record is not; that file is taken away; a record is written 30
# times in 90 s; the server is begun again and a record is written. Seen: "before: stored; full: not; with room: 0 of 30
# stored; begun again: stored".
set -euo pipefail

version=v2.15.2
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; wait 2>/dev/null; umount -l "$folder/disk" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
GOBIN=$folder go install "github.com/nats-io/nats-server/v2@$version"
mkdir disk
mount -t tmpfs -o size=16m tmpfs disk
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

begin() {
    ./nats-server --jetstream --store_dir disk --addr 127.0.0.1 --port "$port" >>server.log 2>&1 &
    server=$!
    for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.1; done
    return 1
}

ask() { # what is asked, of which subject; the answer of JetStream
    python3 - "$port" "$1" "$2" <<'ASK'
import re, socket, sys

port, subject, body = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
line = socket.create_connection(("127.0.0.1", port))
line.settimeout(2)
line.sendall(b'CONNECT {"verbose":false}\r\nSUB answers 1\r\nPUB %s answers %d\r\n%s\r\n' % (subject.encode(), len(body), body))
heard = b""
try:
    while not (found := re.search(rb"MSG answers 1 \d+\r\n(.*)\r\n", heard)):
        heard += line.recv(65536)
    print(found[1].decode())
except TimeoutError:
    print("no answer")
ASK
}

store() {
    case $(ask kept.one "$(head -c 20000 /dev/zero | tr '\0' x)") in *'"seq"'*) echo stored ;; *) echo not ;; esac
}

begin
ask '$JS.API.STREAM.CREATE.KEPT' '{"name":"KEPT","subjects":["kept.>"],"max_msgs_per_subject":1,"storage":"file"}' >/dev/null
before=$(store)
cat /dev/zero >disk/stuffing 2>/dev/null || true
full=stored
for _ in $(seq 40); do full=$(store); [[ $full == not ]] && break; done
rm disk/stuffing
stored=0
for _ in $(seq 30); do
    if [[ $(store) == stored ]]; then stored=$((stored + 1)); fi
    sleep 1
done
room=$(df --output=avail -k disk | tail -1)
kill "$server"; wait "$server" || true
begin
again=$(store)
./nats-server --version
echo "before: $before; full: $full; with room ($room KB): $stored of 30 stored; begun again: $again"
[[ "$before $full $stored $again" == "stored not 0 stored" ]]
