"""Drives NATS JetStream (`nats-py`, the extra `talkpath[cluster]`) as the engine of a cluster.

One stream holds the last record of each place; its subjects are `talkpath.<cluster>.<kind>.<key>`. Records are
published without asking for a receipt each, which costs a third of a request: they come back by the watcher. The
watcher is an ephemeral consumer of our own, because it must be seen when it is silent: it dies with the server that
runs it, and nobody is told.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from talkpath.base import limits
from talkpath.base.redact import Secret
from talkpath.cluster.engine import Description, Missing, Told
from talkpath.cluster.envelope import Place

_log = logging.getLogger("talkpath.cluster")

# The API of the engine answers within milliseconds or not at all.
_ASKING_S = 2.0
# How long until a stream that could not be made or found is asked for again.
_PAUSE_S = 0.5
# How long the client may take to close, what the kernel keeps included.
_CLOSING_S = 5.0
# A task that was cancelled and goes on is cancelled again after this time.
_CANCELLED_S = 0.05
# Pings, so that a server behind a cut cable is left after this time and half of it again.
_PING_S = 2
# How long the kernel keeps what a server takes no more of; the client waits for that before it goes to another.
_UNTAKEN_MS = 3_000
# A consumer that nobody listens to is let go of by the server.
_IDLE_S = 10.0
# Numbers of errors of the API (nats-server's errors.json).
_NOT_CLUSTERED = 10074
_WRONG_LAST = 10071
_NAME_IN_USE = 10058
# Tokens of the subject in which the server numbers a delivery, where no domain and account stand before them.
_PLAIN_TOKENS = 9
# Records that are taken between two breaths of the event loop while many are read: some three milliseconds.
_AT_ONCE = 50

_OF_THE_WORLD = (NatsError, OSError, asyncio.TimeoutError)


class JetStream:
    """See the module's docstring. `keep_s`: how long the engine keeps a record that nobody renews."""

    def __init__(
        self,
        cluster: str,
        urls: tuple[str, ...],
        keep_s: float,
        user: str = "",
        password: Secret | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._prefix = f"talkpath.{cluster}."
        self._stream = f"talkpath_{cluster}"
        self._urls = list(urls)
        self._keep_s = keep_s
        self._login = {"user": user, "password": password.reveal() if password else ""} if user else {}
        self._context = context
        self._client = Client()
        self._told: Told | None = None
        self._js: JetStreamContext | None = None
        self._info: StreamInfo | None = None
        self._watcher: Subscription | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._to_write: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._delivered = 0
        #: the last record that there was when the watcher was set up
        self._last = 0
        self._is_closing = False

    async def start(self, told: Told) -> None:
        self._told = told
        self._spawn(self._write())
        self._spawn(self._connect())

    def publish(self, place: Place, data: bytes) -> None:
        if not self._client.is_connected or len(self._to_write) >= limits.CLUSTER_WAITING:
            # It does not come back, and so is written again.
            return
        self._to_write.append((self._subject(place), data))
        self._wake.set()

    def _subject(self, place: Place) -> str:
        return f"{self._prefix}{place}"

    def watch(self, after: int) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._watching = self._spawn(self._watch(after))

    async def create(self, place: Place, data: bytes) -> bool:
        if self._js is None:
            return False
        subject = self._subject(place)
        try:
            headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
            await self._js.publish(subject, data, timeout=_ASKING_S, headers=headers)
        except _OF_THE_WORLD as error:
            if not (isinstance(error, APIError) and error.err_code == _WRONG_LAST):
                _log.debug("%s: not created (%s)", subject, error)
            return False
        return True

    async def close(self) -> None:
        self._is_closing = True
        with suppress(*_OF_THE_WORLD):
            while self._to_write and self._client.is_connected:
                subject, data = self._to_write.popleft()
                await self._client.publish(subject, data)
            if self._client.is_connected:
                await self._client.flush(timeout=1)
        # The client ends its own search for a server, but not always: it would come back, and never end.
        searching = self._client._reconnection_task
        await _end(self._tasks | ({searching} if searching is not None else set()))
        closing = self._spawn(self._client.close())
        await asyncio.wait({closing}, timeout=_CLOSING_S)
        await _end({closing})
        self._drop()

    def describe(self) -> Description:
        if not self._client.is_connected:
            return Description()
        url = self._client.connected_url
        replicas = self._info.config.num_replicas if self._info is not None else 0
        version = self._client.connected_server_version
        return Description(
            url.netloc.rpartition("@")[2] if url is not None else "",
            f"{version.major}.{version.minor}.{version.patch}",
            replicas or 0,
        )

    # --- the connection

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _connect(self) -> None:
        """Until it stands for the first time; from then on the client reconnects by itself."""
        while True:
            try:
                await self._client.connect(
                    self._urls,
                    name="talkpath",
                    error_cb=self._noted,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._connected,
                    allow_reconnect=True,
                    connect_timeout=2,
                    reconnect_time_wait=1,
                    max_reconnect_attempts=-1,
                    ping_interval=_PING_S,
                    max_outstanding_pings=2,
                    pending_size=0,
                    tls=self._context,
                    **self._login,  # type: ignore[arg-type]
                )
            except _OF_THE_WORLD as error:
                if "authorization" in str(error).lower() and self._told is not None:
                    self._told.missing(Missing.PERMISSION)
                _log.debug("not connected (%s)", error)
                with suppress(*_OF_THE_WORLD):
                    await self._client.close()
                self._client = Client()
                await asyncio.sleep(_PAUSE_S)
                continue
            await self._connected()
            return

    async def _connected(self) -> None:
        self._give_up_on_what_is_not_taken()
        self._js = self._client.jetstream(timeout=_ASKING_S)
        if self._told is not None and not self._is_closing:
            self._told.connected()

    def _give_up_on_what_is_not_taken(self) -> None:
        """TCP_USER_TIMEOUT (RFC 5482), also where the server's window stays shut. Without it a server that stands
        still, or a cut cable, holds the client for the quarter of an hour in which TCP repeats."""
        transport = self._transport()
        own = transport.get_extra_info("socket") if transport is not None else None
        if own is not None:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)

    def _transport(self) -> asyncio.WriteTransport | None:
        """That of the connection, of which the client says nothing by itself."""
        transport = self._client._transport
        writer = transport._io_writer if isinstance(transport, TcpTransport) else None
        return writer.transport if writer is not None else None

    def _drop(self) -> None:
        """Let go of a connection that nobody closed."""
        transport = self._transport()
        if transport is not None and not transport.is_closing():
            transport.abort()

    async def _noted(self, error: Exception) -> None:
        """Also what hinders the first connection, which is tried again and again."""
        _log.debug("the engine: %r", error)
        if not self._client.is_connected:
            # A server takes connections and says nothing: the client forgets its own of an attempt that failed.
            self._drop()
        if isinstance(error, ssl.SSLError) and self._told is not None and not self._client.is_connected:
            self._told.missing(Missing.TRUST)

    async def _disconnected(self) -> None:
        self._to_write.clear()
        if self._told is not None and not self._is_closing:
            self._told.disconnected()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            with suppress(*_OF_THE_WORLD):
                while self._to_write:
                    subject, data = self._to_write.popleft()
                    await self._client.publish(subject, data)

    # --- the stream

    async def _found(self) -> StreamInfo:
        """The stream, made where there is none. Raises what the client raises."""
        assert self._js is not None
        with suppress(NotFoundError):
            return await self._kept_long_enough(await self._js.stream_info(self._stream))
        # On three servers where there are several: two of them are enough to go on.
        for replicas in (3, 1):
            try:
                return await self._js.add_stream(self._config(replicas))
            except APIError as error:
                if error.err_code == _NAME_IN_USE:
                    return await self._js.stream_info(self._stream)
                if error.err_code != _NOT_CLUSTERED or replicas == 1:
                    raise
        raise AssertionError

    async def _kept_long_enough(self, info: StreamInfo) -> StreamInfo:
        """A stream that was made when registrations were shorter. It is never made to keep less: of nodes with other
        configurations each would undo what the other did."""
        assert self._js is not None
        kept_s = info.config.max_age
        if not kept_s or kept_s >= self._keep_s - 1:
            return info
        _log.info("%s keeps records for %g s from now on, no longer %g s", self._stream, self._keep_s, kept_s)
        return await self._js.update_stream(info.config.evolve(max_age=self._keep_s))

    def _config(self, replicas: int) -> StreamConfig:
        return StreamConfig(
            name=self._stream,
            description="talkpath: live state of the nodes of a cluster",
            subjects=[f"{self._prefix}>"],
            storage=StorageType.FILE,
            num_replicas=replicas,
            max_msgs_per_subject=1,
            max_age=self._keep_s,
            discard=DiscardPolicy.OLD,
            allow_direct=True,
        )

    # --- the watcher

    async def _watch(self, after: int) -> None:
        """Set up a watcher, again and again until it stands: a stream without a leader answers late or never."""
        while True:
            try:
                await self._watch_once(after)
            except ServiceUnavailableError:
                if self._told is not None and not await self._has_storage():
                    self._told.missing(Missing.STORAGE)
            except _OF_THE_WORLD as error:
                _log.debug("no watcher (%s)", error)
            else:
                return
            await asyncio.sleep(_PAUSE_S)

    async def _has_storage(self) -> bool:
        """Whether it is JetStream that does not answer now, and not a server that has none."""
        if self._js is None:
            return True
        try:
            await self._js.account_info()
        except ServiceUnavailableError:
            return False
        except _OF_THE_WORLD:
            pass
        return True

    async def _watch_once(self, after: int) -> None:
        if self._watcher is not None:
            watcher, self._watcher = self._watcher, None
            with suppress(*_OF_THE_WORLD):
                await watcher.unsubscribe()
        self._info = info = await self._found()
        assert self._js is not None
        if self._told is None or self._told.last_is(info.state.last_seq):
            return
        inbox = self._client.new_inbox()
        self._delivered, self._last = 0, info.state.last_seq
        self._watcher = watcher = await self._client.subscribe(
            inbox, cb=self._heard, pending_msgs_limit=limits.CLUSTER_WAITING, pending_bytes_limit=2**28
        )
        config = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if after else DeliverPolicy.ALL,
            opt_start_seq=after + 1 if after else None,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            flow_control=True,
            idle_heartbeat=2.0,
            inactive_threshold=_IDLE_S,
            mem_storage=True,
            num_replicas=1,
        )
        made = await self._js.add_consumer(self._stream, config, timeout=_ASKING_S)
        if not made.num_pending:
            self._told.read_whole()

    async def _heard(self, message: Msg) -> None:
        if message.headers is not None and message.headers.get("Status") is not None:
            await self._controlled(message)
            return
        tokens = message.reply.split(".")
        if self._told is None or len(tokens) < _PLAIN_TOKENS:
            return
        first = 4 if len(tokens) == _PLAIN_TOKENS else 6
        sequence, delivery, pending = int(tokens[first + 1]), int(tokens[first + 2]), tokens[first + 4]
        if delivery != self._delivered + 1:
            # Some were lost on their way. Nothing more is taken from this watcher: the heartbeat goes missing, and
            # another begins where it was.
            return
        self._delivered = delivery
        kind, _, key = message.subject.removeprefix(self._prefix).partition(".")
        self._told.delivered(Place(kind, key), message.data, sequence)
        # Of what waited some may be gone, replaced by something later, and a server may still count it as pending.
        if pending == "0" or sequence >= self._last:
            self._told.read_whole()
        elif delivery % _AT_ONCE == 0:
            await asyncio.sleep(0)

    async def _controlled(self, message: Msg) -> None:
        """Flow control asks to be answered, when what came before it has been taken; so does a consumer that is
        stalled because such an answer was lost."""
        headers = message.headers or {}
        reply = message.reply or headers.get("Nats-Consumer-Stalled", "")
        if reply:
            await self._client.publish(reply)


async def _end(tasks: "set[asyncio.Task[None]]") -> None:
    """Cancel until they are done, or for so long that they never will be: the client takes a cancellation for itself
    where it waits for the kernel to take bytes, and who called it goes on."""
    until = asyncio.get_running_loop().time() + _CLOSING_S
    while tasks and asyncio.get_running_loop().time() < until:
        for task in tasks:
            task.cancel()
        done, tasks = await asyncio.wait(tasks, timeout=_CANCELLED_S)
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                _log.debug("ended with %r", task.exception())
