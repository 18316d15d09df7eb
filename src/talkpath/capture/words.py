"""What the capture room says to people."""

from talkpath.base.texts import Text

NOT_A_CAPTURE = Text(
    en="this is {what}, not a capture (pcap, pcapng, snoop, ERF or Network Monitor, plain or compressed)",
    zh="这是{what}，不是抓包文件（pcap、pcapng、snoop、ERF 或 Network Monitor，可为压缩文件）",
)
UNPACK_FIRST = Text(
    en="this is {what}; unpack it first, then read the pcap or pcapng file in it",
    zh="这是{what}；请先解压，再读取其中的 pcap 或 pcapng 文件",
)
EMPTY_INSIDE = Text(
    en="this is {what} and nothing comes out of it: it is empty or damaged; copy it again, or unpack it to see what "
    "is left",
    zh="这是{what}，但解压后没有内容：文件为空或已损坏；请重新复制，或解压查看剩余内容",
)
CONVERT_FIRST = Text(
    en="this is {what}; convert it to pcap first (for example with editcap)",
    zh="这是{what}；请先转换为 pcap（例如使用 editcap）",
)
CONVERT_IF_CAPTURE = Text(
    en="this is {what}, not a capture (pcap, pcapng, snoop, ERF or Network Monitor, plain or compressed); if another "
    "tool captured it, convert it to pcap first (for example with editcap)",
    zh="这是{what}，不是抓包文件（pcap、pcapng、snoop、ERF 或 Network Monitor，可为压缩文件）；若由其他工具抓取，"
    "请先转换为 pcap（例如使用 editcap）",
)
CANNOT_OPEN = Text(
    en="cannot be read: {reason}; check the path and the permissions", zh="无法读取：{reason}；请检查路径和权限"
)

ARCHIVES = frozenset({"zip", "7z", "rar"})
# What is unpacked while it is read, and gave nothing.
PACKED = frozenset({"gzip", "zstd", "xz", "bzip2", "lz4"})
OTHER_CAPTURES = frozenset({"nettl", "rtpdump", "sniffer", "visual", "observer", "5views", "etherpeek"})

KINDS = {
    "empty": Text(en="an empty file", zh="空文件"),
    "zeros": Text(en="a file of zeros", zh="全零文件"),
    "text": Text(en="a text file", zh="文本文件"),
    "json": Text(en="a JSON file", zh="JSON 文件"),
    "png": Text(en="a PNG image", zh="PNG 图片"),
    "jpeg": Text(en="a JPEG image", zh="JPEG 图片"),
    "gif": Text(en="a GIF image", zh="GIF 图片"),
    "pdf": Text(en="a PDF document", zh="PDF 文档"),
    "zip": Text(en="a ZIP archive", zh="ZIP 压缩包"),
    "7z": Text(en="a 7z archive", zh="7z 压缩包"),
    "rar": Text(en="a RAR archive", zh="RAR 压缩包"),
    "gzip": Text(en="a gzip-compressed file", zh="gzip 压缩文件"),
    "zstd": Text(en="a zstd-compressed file", zh="zstd 压缩文件"),
    "xz": Text(en="an xz-compressed file", zh="xz 压缩文件"),
    "bzip2": Text(en="a bzip2-compressed file", zh="bzip2 压缩文件"),
    "lz4": Text(en="an lz4-compressed file", zh="lz4 压缩文件"),
    "wav": Text(en="a WAV or AVI file", zh="WAV 或 AVI 文件"),
    "amr": Text(en="an AMR recording", zh="AMR 录音"),
    "ogg": Text(en="an Ogg file", zh="Ogg 文件"),
    "mp3": Text(en="an MP3 file", zh="MP3 文件"),
    "elf": Text(en="a Linux program", zh="Linux 程序"),
    "exe": Text(en="a Windows program", zh="Windows 程序"),
    "sqlite": Text(en="an SQLite database", zh="SQLite 数据库"),
    "nettl": Text(en="an HP-UX nettl capture", zh="HP-UX nettl 抓包"),
    "sniffer": Text(en="a Network General Sniffer capture", zh="Network General Sniffer 抓包"),
    "visual": Text(en="a Visual Networks capture", zh="Visual Networks 抓包"),
    "observer": Text(en="a Network Instruments Observer capture", zh="Network Instruments Observer 抓包"),
    "5views": Text(en="a 5View capture", zh="5View 抓包"),
    "etherpeek": Text(en="an EtherPeek or OmniPeek capture", zh="EtherPeek 或 OmniPeek 抓包"),
    "rtpdump": Text(en="an rtpdump file", zh="rtpdump 文件"),
    "xml": Text(en="an XML file", zh="XML 文件"),
    "html": Text(en="a web page", zh="网页"),
    "keylog": Text(en="a TLS key log (give it beside the capture)", zh="TLS 密钥日志（请与抓包文件一同提供）"),
    "unknown": Text(en="a file of unknown kind", zh="未知类型的文件"),
}
