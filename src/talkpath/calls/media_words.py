"""What became of the media of a call, in words: ports, descriptions, ICE, DTLS, SRTP, and who was heard."""

from talkpath.base.texts import Text

MOMENTS: dict[str, Text] = {
    # --- media
    "media.offered": Text("The {side} offers {media}.", "{side}提出 {media}。"),
    "media.answered": Text("The {side} answers {media}.", "{side}应答 {media}。"),
    "media.leased": Text("Leased {local} towards the {side}.", "为{side}一侧分配 {local}。"),
    "media.no-common-codec": Text(
        "Only {codecs} is offered, which the {side} does not speak and nobody here converts; it is not rung.",
        "只提供 {codecs}，{side}不支持，本机也无法转换；不呼叫它。",
    ),
    "media.refused": Text("The media cannot be relayed: {why}.", "媒体无法转发：{why}。"),
    "media.no-port": Text(
        "The call is refused: all media ports are in use. Widen `media.first_port` to `media.last_port`.",
        "呼叫被拒绝：所有媒体端口都在使用中。请扩大 `media.first_port` 到 `media.last_port` 的范围。",
    ),
    "media.no-descriptor": Text(
        "The call is refused: the edge may open no more files; some are kept so that running calls can end. Raise "
        "LimitNOFILE= of the service, or `ulimit -n`.",
        "呼叫被拒绝：边缘服务器可打开的文件数已用完，其余留给进行中的通话以便正常结束。"
        "请提高服务的 LimitNOFILE= 或 `ulimit -n`。",
    ),
    "media.latched": Text(
        "The {side} sends from {remote} and not from {announced} as announced; its media goes there.",
        "{side}实际从 {remote} 发送，而非所声明的 {announced}；媒体改发往该地址。",
    ),
    "media.latched-back": Text(
        "The {side} sends from {remote} again, as announced; its media goes there.",
        "{side}重新从所声明的 {remote} 发送；媒体改发往该地址。",
    ),
    "media.elsewhere": Text(
        "The {side} sends from {remote}, and nothing comes from {announced} as announced: it is heard from there, "
        "and what is sent to it goes where it said.",
        "{side}从 {remote} 发送，而所声明的 {announced} 始终没有任何包：改为收听该地址，发给它的媒体仍按其声明。",
    ),
    "media.confirmed": Text(
        "The {side} reports that the {media} sent to it arrives.", "{side}报告已收到发给它的 {media}。"
    ),
    "media.unheard": Text(
        "The {side} reports (RTCP) that nothing arrived of the last {packets} {media} packets that were sent to it.",
        "{side}的 RTCP 报告称，最近发给它的 {packets} 个 {media} 包一个也没有收到。",
    ),
    "media.latched-rtcp": Text(
        "RTCP of the {side} comes from {remote} and not as announced; ours goes there.",
        "{side}的 RTCP 来自 {remote}，与声明不符；本机的 RTCP 改发往该地址。",
    ),
    "media.dropped": Text(
        "Dropped of what came to the {side}'s port: {strangers} packets of strangers, {unauthentic} that were not "
        "authentic or came before the keys, {replayed} that had been heard before.",
        "{side}端口丢弃的包：陌生来源 {strangers} 个，认证失败或先于密钥到达 {unauthentic} 个，重放 {replayed} 个。",
    ),
    "media.dropped-from": Text(
        "What strangers sent to the {side}'s port came from {sources}.", "发往{side}端口的陌生包来自 {sources}。"
    ),
    "media.first-packet": Text(
        "First {media} packet from the {side} ({remote}).", "收到{side}的首个 {media} 媒体包（{remote}）。"
    ),
    "media.first-sound": Text("First sound from the {side} ({codec}).", "首次听到{side}的声音（{codec}）。"),
    "media.left-out": Text("Of {what}, {count} more are not told.", "{what} 另有 {count} 次未逐一列出。"),
    "media.held": Text("The {side} put the call on hold.", "{side}将通话保持。"),
    "media.resumed": Text("The {side} took the call back.", "{side}恢复通话。"),
    "media.timeout": Text(
        "No packet from the {side} for {seconds} s; the call is ended on both sides.",
        "{seconds} 秒未收到{side}的媒体包，双方通话均被结束。",
    ),
    "media.gone": Text(
        "The {side} has confirmed and sent nothing for {seconds} s and did not come back; the call is ended on both "
        "sides.",
        "{seconds} 秒内{side}既未确认也未发送，且未恢复；双方通话均被结束。",
    ),
    "media.timeout-both": Text(
        "No packet from either side for {seconds} s; the call is ended on both sides.",
        "{seconds} 秒未收到任何一方的媒体包，双方通话均被结束。",
    ),
    "media.rolled-back": Text(
        "The {side} refused the change; media goes on as agreed before.", "{side}拒绝了变更，媒体按先前的协商继续。"
    ),
    "media.connected": Text("The caller now hears branch {leg}.", "主叫现在听到分支 {leg}。"),
    "media.unanchored": Text(
        "The {side} uses {what}, which is passed on but not relayed.",
        "{side}使用 {what}，照原样传递，不经本机转发。",
    ),
    "media.not-relayed": Text(
        "The {side} offers {what}, which cannot be relayed and is rejected.",
        "{side}提出的 {what} 无法转发，已拒绝。",
    ),
    "media.proposed": Text(
        "The INVITE brings no offer: the {side} gets one of ours, and what it answers is offered to the other side.",
        "INVITE 不含提议：向{side}发出我方提议，其应答再作为提议发给对方。",
    ),
    "media.renumbered": Text(
        "The {side}, a page, knows payload types by other numbers: {numbers}; packets are rewritten on their way.",
        "{side}是网页，以其他编号使用载荷类型：{numbers}；数据包在转发时改写。",
    ),
    "media.extensions-left-out": Text(
        "The {side}, a page, is told nothing of the header extensions {numbers}: browsers would refuse the offer.",
        "{side}是网页，不向其告知头扩展 {numbers}：浏览器会拒绝该提议。",
    ),
    "media.lines-left-out": Text(
        "Lines that a browser would refuse were left out for the {side}, a page: {lines}.",
        "{side}是网页，已省去浏览器会拒绝的行：{lines}。",
    ),
    "media.hold-kept": Text(
        "The call begins on hold. The {side}, a page, is not told, or it would stay mute; nothing passes until then.",
        "通话以保持状态开始，未告知网页{side}，否则它以后会一直静音；恢复之前不转发媒体。",
    ),
    "media.bundled": Text(
        "A further section of the {side} shares the transport at {local} (RFC 9143).",
        "{side}的又一媒体段共用 {local} 的传输（RFC 9143）。",
    ),
    "media.ice-removed": Text(
        "ICE of the {side} ({candidates} candidates) is left out: our addresses stand in for its own.",
        "去除{side}的 ICE（{candidates} 个候选）：其地址已由本机地址代替。",
    ),
    "media.opaque": Text(
        "Media of the {side} is encrypted end to end ({profile}); it is relayed unread, its level is not measured.",
        "{side}的媒体为端到端加密（{profile}），原样转发，不测量电平。",
    ),
    "media.family-mismatch": Text(
        "The {side} wants media at {announced}, which {local} cannot reach.",
        "{side}要求媒体发往 {announced}，而 {local} 无法到达。",
    ),
    "media.ended": Text("Media is released: {packets} packets relayed.", "媒体已释放，共转发 {packets} 个包。"),
    "codec.dropped": Text("The codec {codec} is left out: {why}.", "编解码器 {codec} 被去除：{why}。"),
    "codec.transcoding": Text(
        "The {side} takes only {offered}: {own} and {other} are converted into each other.",
        "{side}只接受 {offered}：在 {own} 与 {other} 之间转码。",
    ),
    "codec.transcoding-ready": Text(
        "Both sides share {codec}, which passes as it is; what else of {offered} the {side} sends is converted.",
        "双方共有 {codec}，原样转发；{side}若发送 {offered} 中的其他格式则转码。",
    ),
    "codec.transcoding-ended": Text(
        "Both sides share a codec again: nothing is converted any more.", "双方又有共同的编解码器，不再转码。"
    ),
    "codec.keys-as-tones": Text(
        "The {side} takes no telephone events: keys that are pressed on the other side are played to it as tones.",
        "{side}不接受 telephone-event：对方的按键以双音多频播放给它。",
    ),
    "codec.chosen": Text("The codec is {codec}.", "选用编解码器 {codec}。"),
    # --- ICE, DTLS, SRTP
    "ice.own-candidate": Text(
        "Towards the {side} we named the candidate {candidate}.", "向{side}给出本机候选 {candidate}。"
    ),
    "ice.learnt": Text(
        "The {side} was found at {candidate} by its check, not by its description (RFC 8445 section 7.3.1.3).",
        "由{side}的检查得知其位于 {candidate}，描述中尚无此地址（RFC 8445 第 7.3.1.3 节）。",
    ),
    "ice.learnt-local": Text("The {side} sees us at {candidate}.", "{side}看到的本机地址为 {candidate}。"),
    "ice.check-sent": Text("First check {local} to {remote}.", "首次检查：{local} 到 {remote}。"),
    "ice.check-received": Text("Check of {remote} received and answered.", "收到并应答 {remote} 的检查。"),
    "ice.check-answered": Text("{remote} answered our check after {ms} ms.", "{remote} 在 {ms} 毫秒后应答本机检查。"),
    "ice.checks": Text(
        "Checks with the {side}: {received} answered, {sent} pairs asked, {answered} answered us, {dropped} dropped.",
        "与{side}的检查：应答 {received} 次，询问 {sent} 对，得到应答 {answered} 次，丢弃 {dropped} 次。",
    ),
    "ice.role": Text(
        "A role conflict was decided: we are {role} (RFC 8445 section 7.3.1.1).",
        "角色冲突已裁决：本机为 {role}（RFC 8445 第 7.3.1.1 节）。",
    ),
    "ice.pair-changed": Text(
        "Media of the {side} moves to the pair {local} and {remote}.", "{side}的媒体改用候选对 {local} 与 {remote}。"
    ),
    "ice.consent-regained": Text(
        "The {side} answers again, from {remote} (RFC 7675).", "{side}恢复应答，来自 {remote}（RFC 7675）。"
    ),
    "ice.candidate": Text("The {side} named the candidate {candidate}.", "{side}给出候选 {candidate}。"),
    "ice.candidate-ignored": Text(
        "The candidate {candidate} of the {side} is passed over: {why}.", "忽略{side}的候选 {candidate}：{why}。"
    ),
    "ice.check-failed": Text(
        "The check {local} to {remote} failed: {why}.", "{local} 到 {remote} 的检查失败：{why}。"
    ),
    "ice.checked": Text("The pair {local} and {remote} passed its check.", "候选对 {local} 与 {remote} 通过检查。"),
    "ice.selected": Text("The pair {local} and {remote} is selected.", "选定候选对 {local} 与 {remote}。"),
    "ice.restarted": Text("The {side} restarted ICE.", "{side}重启 ICE。"),
    "ice.failed": Text("There is no way to the {side}: {why}.", "没有到{side}的通路：{why}。"),
    "ice.consent-lost": Text(
        "The {side} no longer answers consent checks (RFC 7675).", "{side}不再应答同意检查（RFC 7675）。"
    ),
    "dtls.client-hello": Text(
        "ClientHello from {remote}: DTLS {versions}, cipher suites {ciphers}, SRTP {profiles}.",
        "收到来自 {remote} 的 ClientHello：DTLS {versions}，密码套件 {ciphers}，SRTP {profiles}。",
    ),
    "dtls.hello-sent": Text("Our ClientHello went to {remote}.", "已向 {remote} 发送 ClientHello。"),
    "dtls.alert-ignored": Text(
        "An alert of {remote} is ignored: anyone could have written it (level {level}, description {description}; "
        "RFC 6347 section 4.1.2.7).",
        "忽略来自 {remote} 的告警，因其未经认证（级别 {level}，描述 {description}；RFC 6347 第 4.1.2.7 节）。",
    ),
    "dtls.closed": Text("The {side} closed DTLS.", "{side}关闭了 DTLS。"),
    "dtls.refused": Text("The handshake with {remote} failed: {why}.", "与 {remote} 的握手失败：{why}。"),
    "dtls.fingerprint-right": Text(
        "The certificate of {remote} is the one that was signalled.", "{remote} 的证书与信令中的指纹相符。"
    ),
    "dtls.fingerprint-wrong": Text(
        "The certificate of {remote} is not the one that was signalled.", "{remote} 的证书与信令中的指纹不符。"
    ),
    "dtls.unproven": Text(
        "No fingerprint that the {side} gives for its {what} can be checked: it is rejected.",
        "{side}为 {what} 给出的指纹均无法校验，已拒绝。",
    ),
    "srtp.keyed": Text("The {side} is keyed by {how} ({profile}).", "{side}通过 {how} 完成密钥协商（{profile}）。"),
    "srtp.unkeyed": Text(
        "The {side} offers no key for its media that we can use.", "{side}没有提供我们可用的媒体密钥。"
    ),
    # --- the first link of a side's chain that broke
    "chain.no-check": Text(
        "The chain broke at ICE: no check of the {side} came, and none of ours was answered. UDP between the two is "
        "blocked, or the candidates are of another network.",
        "链路断于 ICE：未收到{side}的检查，本机检查也无应答。两者之间的 UDP 被阻断，或候选属于其他网络。",
    ),
    "chain.no-pair": Text(
        "The chain broke at ICE: checks with the {side} passed, but no pair was nominated (RFC 8445 section 8).",
        "链路断于 ICE：与{side}的检查通过，但未提名候选对（RFC 8445 第 8 节）。",
    ),
    "chain.no-hello": Text(
        "The chain broke at DTLS: the way to the {side} stands, but its ClientHello never came (RFC 5763 section 5).",
        "链路断于 DTLS：到{side}的通路已建立，但未收到其 ClientHello（RFC 5763 第 5 节）。",
    ),
    "chain.no-keys": Text(
        "The chain broke at DTLS: the handshake with the {side} began and was not completed.",
        "链路断于 DTLS：与{side}的握手已开始但未完成。",
    ),
    "chain.wrong-certificate": Text(
        "The chain broke at DTLS: the {side} has another certificate than its description names.",
        "链路断于 DTLS：{side}的证书与其描述中的指纹不符。",
    ),
    "chain.no-packet": Text(
        "The chain broke at media: not one packet of the {side} came.", "链路断于媒体：未收到{side}的任何媒体包。"
    ),
    "chain.no-sound": Text(
        "The chain broke at sound: packets of the {side} came, with silence in them.",
        "链路断于声音：收到{side}的媒体包，但内容为静音。",
    ),
}
