"""This host's addresses come and go while it runs."""

import subprocess
import sys

# In a network namespace of its own, which ends with the process.
LOOK = """
import asyncio, subprocess
from talkpath.net.addresses import AddressWatch
from talkpath.net.interfaces import Interfaces

async def look():
    interfaces, news = Interfaces(), asyncio.Event()
    watch = AddressWatch(news.set)
    watch.start()
    for verb in ("add", "del"):
        news.clear()
        subprocess.run(["ip", "address", verb, "198.51.100.77/32", "dev", "lo"], check=True)
        await asyncio.wait_for(news.wait(), 5)
        interfaces.look()
        print(verb, "198.51.100.77" in interfaces.addresses)
    watch.close()
    news.clear()
    subprocess.run(["ip", "address", "add", "198.51.100.78/32", "dev", "lo"], check=True)
    await asyncio.sleep(0.05)
    print("closed", not news.is_set())

asyncio.run(look())
"""


def test_an_address_that_comes_or_goes_is_known_at_once() -> None:
    told = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.splitlines() == ["add True", "del False", "closed True"]
