#!/usr/bin/env bash
# keepalived 2.2.7 (Debian 12): `vrrp_track_process` never sees a process in a network namespace, as in a container.
#
# The kernel tells of processes that begin and end (the process connector) in the first network namespace only; elsewhere
# the socket cannot be bound and keepalived says "Failed to set/clear process event listen - errno 111". It does not look
# at /proc instead: the tracked process counts as absent, though it runs, and the instance stays in FAULT for ever and
# never takes its address. The same configuration with a `vrrp_script` takes it within a second. `keepalived -t` is
# content with both.
#
# What is run: keepalived in a network namespace, with one instance that depends on a process that runs, watched once by a
# script and once as a tracked process. Seen: "takes its address: by a script 1, by a tracked process 0".
set -euo pipefail

dir=$(mktemp -d); place=find$$
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; ip netns del $place 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq keepalived=1:2.2.7-1+b2 libnl-3-200 libnl-genl-3-200 libnftnl11 libmnl0 libsnmp40 >/dev/null
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/lib/x86_64-linux-gnu:$dir/root/usr/lib/x86_64-linux-gnu
keepalived=$dir/root/usr/sbin/keepalived

ip netns add $place
ip -n $place link set lo up
ip -n $place link add e0 type veth peer name e1
ip -n $place link set e0 up; ip -n $place link set e1 up
ip -n $place address add 10.9.0.1/24 dev e0
ip netns exec $place sleep 60 & tracked=$!

attempt() { # what watches the process, and how the instance names it
    cat >"$1.conf" <<CONF
global_defs {
  vrrp_version 3
  script_user root
}
vrrp_track_process watched {
  process "sleep" "60"
}
vrrp_script watched {
  script "/bin/kill -0 $tracked"
  interval 1
}
vrrp_instance one {
  state BACKUP
  interface e0
  virtual_router_id 51
  priority 100
  advert_int 0.1
  unicast_src_ip 10.9.0.1
  unicast_peer { 10.9.0.2 }
  virtual_ipaddress { 10.9.0.10/24 dev e0 }
  $1 { watched }
}
CONF
    ip netns exec $place "$keepalived" -t -f "$dir/$1.conf"
    ip netns exec $place timeout 5 "$keepalived" -n -l -D -f "$dir/$1.conf" -p "$dir/$1.pid" -r "$dir/$1.vrrp" \
        >"$1.log" 2>&1 &
    sleep 4
    ip -n $place -brief address show dev e0 | grep -c 10.9.0.10 || true
    wait $! || true
}

"$keepalived" --version 2>&1 | head -1
kill -0 $tracked && echo "the process runs"
script=$(attempt track_script)
process=$(attempt track_process)
echo "takes its address: by a script $script, by a tracked process $process"
grep -ao "Failed to set/clear process event listen - errno [0-9]*" track_process.log
grep -ao "entering FAULT state (tracked process watched quorum not achieved)" track_process.log
[[ $script == 1 && $process == 0 ]]
