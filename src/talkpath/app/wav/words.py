"""What `talkpath wav` says about itself."""

from talkpath.base.texts import Text

HELP = Text(
    "Make a file of a call's sound out of captures or recordings: stereo, the caller left, the callee right, aligned "
    "by capture time, gaps kept. Exit code 0: all written, 2: one could not be read or written.",
    "把抓包或录音中的呼叫语音转为音频文件：立体声，主叫在左，被叫在右，按抓包时间对齐，保留空洞。"
    "退出码 0：全部完成；2：有文件无法读取或写入。",
)
HELP_FILES = Text(
    "Captures (pcap, pcapng, also gzip), or recordings: the name or the call of one of ours, or in rtpengine's "
    "layout the pcap or the text beside it.",
    "抓包文件（pcap、pcapng，可 gzip），或录音：本机录音的名称或呼叫，或 rtpengine 格式的 pcap 与其旁的文本。",
)
HELP_CALL = Text(
    "The call, where the capture has several: its id or Call-ID.", "抓包含多个呼叫时指定：id 或 Call-ID。"
)
HELP_OUT = Text(
    "The file to write, or the folder where there are several; else beside the capture, under its name.",
    "输出文件；多个输入时为输出目录。默认与抓包同名，放在其旁。",
)
HELP_SIDE = Text(
    "Who is heard: both in stereo, both mixed, or one of them.", "听谁：双方立体声、双方混音，或其中一方。"
)
HELP_FORMAT = Text(
    "What to write; else what the name of --out says, or WAV.", "输出格式；默认按 --out 的扩展名，否则为 WAV。"
)
HELP_RATE = Text(
    "Samples a second; else as many as the best codec of the call has.",
    "采样率；默认取呼叫中最好的编解码器的采样率。",
)
HELP_CODEC = Text(
    "What a payload type is, where nothing in the capture says so or what it says is wrong, as in 96=opus/48000/2.",
    "当抓包未说明或说明有误时，指定负载类型的含义，例如 96=opus/48000/2。",
)
HELP_JOBS = Text("How many files at once.", "同时转换的文件数。")
HELP_PNG = Text(
    "Also draw the waveform of both sides, with the moments of the call, beside the file.",
    "同时在旁边生成双方波形图（PNG），并标出呼叫中的时刻。",
)

CONVERTING = Text("converting {file}", "正在转换 {file}")
CONVERTING_MANY = Text("converting", "正在转换")
WRITTEN = Text("{seconds:.1f} s of audio written to {file}.", "{seconds:.1f} 秒语音已写入 {file}。")
PICTURE_WRITTEN = Text("Waveform written to {file}.", "波形图已写入 {file}。")
UNREADABLE = Text("{file}: {what}", "{file}：{what}")
CANNOT_READ = Text("{file} cannot be read: {reason}.", "无法读取 {file}：{reason}。")
CANNOT_WRITE = Text("{file} cannot be written: {reason}.", "无法写入 {file}：{reason}。")
NOT_TWICE = Text(
    "Standard input cannot be read twice, and sound needs that: give a file.",
    "转换语音需要读两遍，标准输入不行：请给出文件。",
)
NOT_A_FOLDER = Text(
    "There are several captures, so --out must be a folder, and {folder} is none.",
    "有多个抓包文件，--out 必须是目录，而 {folder} 不是。",
)
SAME_TARGET = Text(
    "Two of the captures would both become {file}; convert them one by one, with --out.",
    "有两个抓包都会写入 {file}；请用 --out 分别转换。",
)
NO_SUCH_CALL = Text(
    "No call {id} is in this capture; talkpath explain lists all.",
    "抓包中没有呼叫 {id}；talkpath explain 可列出全部。",
)
SEVERAL_CALLS = Text(
    "The capture has {count} calls with audio; choose one by --call: {ids}",
    "抓包中有 {count} 个带语音的呼叫；请用 --call 选择：{ids}",
)
NO_AUDIO = Text("There is no audio in it.", "其中没有语音。")
ENCRYPTED = Text(
    "Its audio is encrypted (SRTP) and cannot be decoded; record where the keys are, at the relay.",
    "语音已加密（SRTP），无法解码；请在持有密钥的中继处录音。",
)
UNNAMED = Text(
    "Nothing in it says what payload type {number} is (its timestamps run at {clock} a second); say so, as in "
    "--codec {number}=opus/48000/2.",
    "其中没有说明负载类型 {number} 的含义（时间戳每秒 {clock}）；请指定，例如 --codec {number}=opus/48000/2。",
)
NO_DECODER = Text("Nothing here decodes its audio ({codecs}).", "无法解码其语音（{codecs}）。")
ALSO_UNNAMED = Text(
    "Not in it: packets of payload type {numbers}, which nothing names; say what it is with --codec.",
    "未包含负载类型 {numbers} 的包：没有说明其含义；可用 --codec 指定。",
)
ALSO_NO_DECODER = Text("Not in it: audio that nothing here decodes ({codecs}).", "未包含无法解码的语音（{codecs}）。")
ALSO_ENCRYPTED = Text("Not in it: streams that are encrypted.", "未包含加密的流。")
REFUSED = Text(
    "{count} of {packets} packets could not be decoded; they are silent.",
    "{packets} 个包中有 {count} 个无法解码，以静音代替。",
)
TOO_LONG = Text(
    "Its packets are {days} days apart, so a clock was set while it was captured; cut it where the clock was set.",
    "其中的包相隔 {days} 天，说明抓包时时钟被调整；请在该处切开文件。",
)
NEEDS_PYAV = Text(
    "{codec} needs PyAV: pip install talkpath[audio].", "{codec} 需要 PyAV：pip install talkpath[audio]。"
)
NEEDS_PILLOW = Text(
    "Drawing the waveform needs Pillow: pip install talkpath[audio].",
    "绘制波形图需要 Pillow：pip install talkpath[audio]。",
)
