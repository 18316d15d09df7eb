"""How a running edge is, as one row that travels to whoever asks."""

import msgspec


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One look. Times in seconds since the epoch, sizes in bytes; `disks` are (size, room) by what lies there."""

    version: str
    started: float
    now: float
    node: str = ""
    is_draining: bool = False
    listeners: tuple[str, ...] = ()
    connections: dict[str, int] = {}
    registrations: dict[str, int] = {}
    registrations_elsewhere: int = 0
    phones_gone: int = 0
    failing: int = 0
    guests: int = 0
    bans: int = 0
    running_calls: int = 0
    #: streams that pass in the kernel, and why none can though they may
    media_in_kernel: int = 0
    media_by_sockets: str = ""
    recordings: int = 0
    gateways: dict[str, str] = {}
    loop_worst_s: float = 0.0
    memory: int = 0
    files_open: int = 0
    files_max: int = 0
    disks: dict[str, tuple[int, int]] = {}
    #: when each ends; 0 for one that cannot be read
    certificates: dict[str, float] = {}
    store_waiting: int = 0
    #: calls, registrations and the like that could not be written
    store_lost: int = 0
    faults: int = 0
