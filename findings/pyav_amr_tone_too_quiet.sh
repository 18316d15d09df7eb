#!/usr/bin/env bash
# PyAV 18.1.0 (libavcodec 62.28), encoder and decoders as they come in its wheel.
#
# Guess: FFmpeg's own decoder "amrnb" and "libopencore_amrnb" give the same sound for the same AMR frames at 12.2 kbit/s.
# Seen: of two seconds of a tone of 1004 Hz the second one comes out 0.5 dB quieter by OpenCORE and 3.8 dB quieter by
# "amrnb". Levels that are measured after that decoder, or two sides mixed of which one was AMR, are wrong by 3 dB.
#
# Output seen:
#   amrnb -3.8 dB
#   libopencore_amrnb -0.5 dB
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check av==18.1.0

cat > "$place/tone.py" <<'PYTHON'
import array
import math

import av

RATE, LOUDNESS = 8000, 8000
FRAME = RATE // 50


def encoded():
    encoder = av.CodecContext.create("libopencore_amrnb", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = RATE, "mono", "s16", 12200
    for number in range(100):
        start = number * FRAME
        samples = [int(LOUDNESS * math.sin(2 * math.pi * 1004 * at / RATE)) for at in range(start, start + FRAME)]
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.sample_rate, frame.pts = RATE, start
        frame.planes[0].update(array.array("h", samples).tobytes())
        yield from (bytes(packet) for packet in encoder.encode(frame))


def level_db(name, packets):
    """Of what a decoder gives in the second half, beside the tone that went in."""
    decoder = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = RATE, "mono"
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    heard = array.array("h")
    for packet in packets:
        for sound in decoder.decode(av.Packet(packet)):
            for one in resampler.resample(sound):
                heard.frombytes(bytes(one.planes[0])[: 2 * one.samples])
    half = heard[len(heard) // 2 :]
    return 20 * math.log10(math.sqrt(sum(at * at for at in half) / len(half)) / (LOUDNESS / math.sqrt(2)))


packets = list(encoded())
for name in ("amrnb", "libopencore_amrnb"):
    print(name, f"{level_db(name, packets):.1f} dB")
PYTHON

"$place/venv/bin/python" "$place/tone.py" | tee "$place/seen"
diff "$place/seen" - <<'SEEN' && echo "as stated"
amrnb -3.8 dB
libopencore_amrnb -0.5 dB
SEEN
