"""A DNS server that knows one name, for phones that ask nothing else."""

import socket
import threading

import dns.message
import dns.rdatatype
import dns.rrset

from harness.process import Stoppable


class Names(Stoppable):
    """Says that `name` is at `host`, over UDP; of everything else there is nothing."""

    def __init__(self, name: str, host: str) -> None:
        self._name, self._host = name, host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.2)
        self.place = f"{host}:{self._socket.getsockname()[1]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(2)
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                data, source = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            (question,) = query.question
            is_known = question.name.to_text(omit_final_dot=True).lower() == self._name
            if is_known and question.rdtype == dns.rdatatype.A:
                answer.answer = [dns.rrset.from_text(question.name, 60, "IN", "A", self._host)]
            self._socket.sendto(answer.to_wire(), source)
