"""What several nodes did for a call, in words."""

from talkpath.base.texts import Text

MOMENTS: dict[str, Text] = {
    "cluster.rung-through": Text(
        "Rung through node {node}, which holds the way to the phone at {remote}.",
        "经节点 {node} 振铃，该节点持有到 {remote} 处话机的连接。",
    ),
    "cluster.rung-for": Text(
        "Rung for node {node}, which has the call and its media: {user} is registered here.",
        "代节点 {node} 振铃：呼叫及其媒体在该节点，{user} 注册于本节点。",
    ),
    "cluster.node-gone": Text(
        "Not rung: the phone at {remote} can be reached only through node {node}, which is gone.",
        "未振铃：{remote} 处的话机只能经节点 {node} 到达，而该节点已失联。",
    ),
    "cluster.ringer-gone": Text(
        "Node {node}, which rang the phone, is gone: the phone counts as not reached.",
        "为话机振铃的节点 {node} 已失联：该话机视为未接通。",
    ),
    "cluster.caller-gone": Text(
        "Node {node}, for which the phone rang, is gone: it stops ringing.",
        "请求振铃的节点 {node} 已失联：停止振铃。",
    ),
}
