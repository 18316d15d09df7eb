"""What the operator knows of addresses (`--sites sites.csv`): site, floor, switch ... by address or prefix."""

import csv
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from talkpath.base.errors import Malformed

# Names of the column that holds the address or prefix; else it is the first column.
ADDRESS_COLUMNS = ("address", "prefix", "ip", "network", "subnet", "cidr")


class Sites:
    """Attributes by longest prefix. Empty without a file."""

    def __init__(self, rows: Iterable[tuple[IPv4Network | IPv6Network, dict[str, str]]] = ()) -> None:
        self._rows = sorted(rows, key=lambda row: -row[0].prefixlen)
        self.columns = tuple(dict.fromkeys(name for _, values in self._rows for name in values))
        self._of = lru_cache(maxsize=65_536)(self._look_up)

    @classmethod
    def parse(cls, text: str, place: str = "sites.csv") -> "Sites":
        """Read a CSV with a header line. Raises Malformed with the line that cannot be read."""
        dialect = csv.excel
        first = text.lstrip("\ufeff").splitlines()[:1]
        delimiter = next((mark for mark in (";", "\t") if first and mark in first[0]), ",")
        rows = list(csv.reader(text.lstrip("\ufeff").splitlines(), dialect, delimiter=delimiter))
        if not rows:
            raise Malformed("empty-sites", "the file has no header line; write one such as address,site,floor", place)
        header = [name.strip().lower() for name in rows[0]]
        column = next((header.index(name) for name in ADDRESS_COLUMNS if name in header), 0)
        return cls(
            _row(header, column, row, f"{place}:{number}") for number, row in enumerate(rows[1:], 2) if any(row)
        )

    def of(self, host: str) -> dict[str, str]:
        """What is known of an address: the values of the longest prefix that has each column."""
        return self._of(host) if self._rows else {}

    def _look_up(self, host: str) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            address = ip_address(host)
        except ValueError:
            return found
        for network, values in self._rows:
            if address in network:
                found = {**values, **found}
        return {name: found[name] for name in self.columns if name in found}


def _row(
    header: list[str], column: int, row: list[str], place: str
) -> tuple[IPv4Network | IPv6Network, dict[str, str]]:
    try:
        network = ip_network(row[column].strip(), strict=False)
    except (ValueError, IndexError):
        shown = row[column] if column < len(row) else ""
        raise Malformed("bad-address", f"{shown!r} is no address or prefix; write 10.1.0.0/16", place) from None
    cells = {header[i]: cell.strip() for i, cell in enumerate(row[: len(header)]) if i != column and cell.strip()}
    return network, cells
