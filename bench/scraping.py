"""What metrics cost that somebody scrapes each second while calls come: `python -m bench.scraping [CALLS_A_SECOND]`.

Stretches of the same load on one edge in turn: nobody scrapes, and a scrape each second. Then the cost of one scrape
alone, of the page as calls have filled it.
"""

import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from bench.processes import cpu_s
from bench.servers import Talkpath
from bench.signalling import CALLED, CALLER_PORT, SERVER_PORT, called_phone, must_be_good
from bench.sipp import SDP, Load, Sipp

_PAGE = "http://127.0.0.1:9464/metrics"
_MORE = '[metrics]\nlisten = "127.0.0.1:9464"\n'
# As Prometheus asks.
_HEADERS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
_STRETCH_S = 10
_SCRAPES = 200


def scrape() -> int:
    """Read the page; its size in bytes as sent."""
    with urllib.request.urlopen(urllib.request.Request(_PAGE, headers=_HEADERS)) as page:
        return len(page.read())


def _each_second(ended: threading.Event) -> None:
    while not ended.wait(1):
        with suppress(OSError):
            scrape()


def _stretch(pid: int, sipp: Sipp, rate: int, is_scraped: bool) -> float:
    """CPU seconds a second."""
    ended = threading.Event()
    scraper = threading.Thread(target=_each_second, args=(ended,))
    if is_scraped:
        scraper.start()
    before = cpu_s(pid)
    must_be_good(sipp.call(CALLER_PORT, CALLED, Load(rate * _STRETCH_S, rate, SDP)))
    used = cpu_s(pid) - before
    ended.set()
    if is_scraped:
        scraper.join()
    return used / _STRETCH_S


def main() -> None:
    """Print the figures."""
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        server = Talkpath(Path(name), SERVER_PORT, False, [CALLED], more=_MORE)
        try:
            sipp = Sipp(Path(name), SERVER_PORT)
            with called_phone(sipp, SDP):
                _stretch(server.pid, sipp, rate, is_scraped=False)
                for is_scraped in (False, True, False, True):
                    share = _stretch(server.pid, sipp, rate, is_scraped)
                    how = "scraped each second" if is_scraped else "not scraped"
                    print(f"{rate} calls/s, {how}: {share:.1%} of a core")
            time.sleep(3)
            before, began = cpu_s(server.pid), time.monotonic()
            time.sleep(3)
            idle = (cpu_s(server.pid) - before) / (time.monotonic() - began)
            before, began = cpu_s(server.pid), time.monotonic()
            sizes = [scrape() for _ in range(_SCRAPES)]
            used = cpu_s(server.pid) - before - idle * (time.monotonic() - began)
            print(f"one scrape: {used / _SCRAPES * 1000:.2f} ms CPU, {sizes[-1]} bytes sent")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
