"""What an hour of a call in G.711 costs to make a stereo WAV of: CPU (user and system) and the most memory held.

Beside it what people do by hand: tshark writes the payloads of each stream, sox makes a WAV of both. It puts one
payload behind the other, so neither pauses nor losses keep their time.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.capture import BIN, cost

ROUNDS = 3
SECONDS = 3600
BY_HAND = """
for ssrc in 1 2; do
    tshark -n -r {pcap} -d udp.port==10000,rtp -Y rtp.ssrc==$ssrc -T fields -e rtp.payload | xxd -r -p >
    {folder}/$ssrc.ul
done
sox -M -t ul -r 8000 -c 1 {folder}/1.ul -t ul -r 8000 -c 1 {folder}/2.ul -b 16 -e signed {folder}/by-hand.wav
"""


def write_hour(path: Path) -> None:
    """Both directions of a call, 20 ms a packet, on Ethernet; the voices are noise that never repeats soon."""
    ends = ((b"\x0a\0\0\1", b"\x0a\0\0\2", 10_000, 20_000), (b"\x0a\0\0\2", b"\x0a\0\0\1", 20_000, 10_000))
    voice = bytes((n * n * 31 + n // 7) & 0xFF for n in range(8000))
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for number in range(SECONDS * 50):
            for ssrc, (src, dst, sport, dport) in enumerate(ends, 1):
                micros = 1_700_000_000_000_000 + number * 20_000 + ssrc
                start = number * 77 % 7800
                rtp = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc)
                rtp += voice[start : start + 160]
                udp = struct.pack("!HHHH", sport, dport, 8 + len(rtp), 0) + rtp
                ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + src + dst
                frame = bytes(12) + b"\x08\x00" + ip + udp
                out.write(struct.pack("<IIII", micros // 10**6, micros % 10**6, len(frame), len(frame)) + frame)


def main() -> None:
    """Print the table as Markdown."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        folder = Path(name)
        pcap = folder / "hour.pcap"
        write_hour(pcap)
        every = {
            "talkpath wav": [str(BIN / "talkpath"), "wav", str(pcap), "-o", str(folder / "ours.wav")],
            "tshark and sox": ["bash", "-c", "set -e -o pipefail" + BY_HAND.format(pcap=pcap, folder=folder)],
        }
        runs: dict[str, list[tuple[float, int]]] = {which: [] for which in every}
        for which, command in list(every.items()) * ROUNDS:
            runs[which].append(cost(command))
        least = {which: min(cpu for cpu, _ in done) for which, done in runs.items()}
        print("\n| an hour of G.711 to stereo WAV | CPU s | of tshark's and sox's | memory MiB |")
        print("| --- | ---: | ---: | ---: |")
        for which, done in runs.items():
            memory = max(held for _, held in done) / 2**20
            print(f"| {which} | {least[which]:.2f} | {least[which] / least['tshark and sox']:.3f} | {memory:.0f} |")
        for file in (folder / "ours.wav", folder / "by-hand.wav"):
            length = subprocess.run(
                ["soxi", "-D", str(file)], check=True, capture_output=True, text=True
            ).stdout.strip()
            print(f"{file.name}: {float(length):.2f} s", file=sys.stderr)
