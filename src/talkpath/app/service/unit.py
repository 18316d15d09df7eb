"""The unit with which systemd runs talkpath: what the service may do, and nothing beyond.

What a directive forbids stands in systemd.exec(5). Left open are sockets of IP and of the journal, netlink (addresses
that come and go), its own state directory, and, where a listener wants a port below 1024, the capability for that.
"""

from pathlib import Path

from talkpath.app.config.tree import Config

# What root alone may open (net.ipv4.ip_unprivileged_port_start).
_FIRST_FREE_PORT = 1024
# So long a service that drains may take beyond `drain_timeout_s`: carriers are told that we leave.
_PARTING_S = 15

_UNIT = """\
# Written by `talkpath install-service`. Changes belong into a drop-in: systemctl edit talkpath
[Unit]
Description=talkpath, a SIP and WebRTC edge
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
User={user}
Group={user}
ExecStart={program} run --config {config}
ExecReload={program} reload --config {config}
Environment=TALKPATH_STATE=/var/lib/talkpath
StateDirectory=talkpath
StateDirectoryMode=0700
UMask=0077
Restart=on-failure
RestartSec=1
TimeoutStopSec={stop_s}
KillMode=mixed
LimitNOFILE=524288
{capabilities}NoNewPrivileges=yes
DevicePolicy=closed
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers={private_users}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
{writable}
[Install]
WantedBy=multi-user.target
"""


def unit_of(config: Config, program: Path, file: Path, user: str) -> str:
    """The unit that runs `program` with the configuration in `file`."""
    ports = [door.listening_port for door in config.doors]
    needs_low_port = min(ports) < _FIRST_FREE_PORT
    capability = "CAP_NET_BIND_SERVICE" if needs_low_port else ""
    ambient = f"AmbientCapabilities={capability}\n" if capability else ""
    elsewhere = [path for path in (config.state.directory, config.recording.directory) if path]
    return _UNIT.format(
        user=user,
        program=program,
        config=file,
        stop_s=int(config.drain_timeout_s) + _PARTING_S,
        capabilities=f"CapabilityBoundingSet={capability}\n{ambient}",
        # In a user namespace of its own the capability would not count for ports of the host.
        private_users="no" if needs_low_port else "yes",
        writable="".join(f"ReadWritePaths={path}\n" for path in elsewhere),
    )
