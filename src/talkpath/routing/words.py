"""What is said of an operator's script, in the languages operators read."""

from talkpath.base.texts import Text

# --- while it is loaded
UNREADABLE = Text("The script can not be read: {reason}.", "无法读取脚本：{reason}。")
NOT_UTF8 = Text("The script is no UTF-8 text; save it as UTF-8.", "脚本不是 UTF-8 文本；请保存为 UTF-8。")
NOT_PYTHON = Text("This is no Python: {reason}.", "这不是有效的 Python：{reason}。")
RAISED = Text("Loading the script failed: {error}.", "加载脚本失败：{error}。")
RAISED_NEAR = Text(
    "Loading the script failed: {error}. Did you mean {near}?", "加载脚本失败：{error}。是否应为 {near}？"
)
NO_MODULE = Text(
    "There is no module {name} here. If it is a library, install it: {python} -m pip install {name}",
    "这里没有模块 {name}。若是第三方库，请安装：{python} -m pip install {name}",
)
NO_MODULE_NEAR = Text(
    "There is no module {name} here. Did you mean {near}? If it is a library, install it: "
    "{python} -m pip install {name}",
    "这里没有模块 {name}。是否应为 {near}？若是第三方库，请安装：{python} -m pip install {name}",
)
NO_EDGE = Text(
    "The script makes no Edge. Write: edge = Edge(), and @edge.on_call above the function that decides.",
    "脚本没有创建 Edge。请写 edge = Edge()，并在决定路由的函数上方写 @edge.on_call。",
)
TWO_EDGES = Text(
    "A second Edge is made here; the first stands at {first}. One decides: use one Edge.",
    "此处创建了第二个 Edge；第一个在 {first}。只能由一个决定：请只用一个 Edge。",
)
IMPORTS_ITSELF = Text(
    "The script imports {name}, which is itself. What scripts are written with is imported from talkpath.routing.",
    "脚本导入了 {name}，即它自己。编写脚本所用的名字应从 talkpath.routing 导入。",
)
DECIDES_NOTHING = Text(
    "Nothing is announced on this Edge. Write @edge.on_call above the function that decides.",
    "此 Edge 上没有登记任何函数。请在决定路由的函数上方写 @edge.on_call。",
)
TWO_DECIDE = Text(
    "A second function decides about calls; the first stands in line {first}. Only one may: join them.",
    "又有一个函数对呼叫作决定；第一个在第 {first} 行。只能有一个：请合并。",
)
TWO_FOR_METHOD = Text(
    "A second function is asked about {method}; the first stands in line {first}. Only one may: join them.",
    "又有一个函数处理 {method}；第一个在第 {first} 行。只能有一个：请合并。",
)
NO_METHOD = Text(
    'on_request needs the methods that it is asked about: @edge.on_request("REFER").',
    'on_request 需要写明方法：@edge.on_request("REFER")。',
)
UNKNOWN_METHOD = Text(
    'There is no method "{method}" that can be refused. There are: {known}.',
    "没有可拒绝的方法“{method}”。可用的有：{known}。",
)
UNKNOWN_METHOD_NEAR = Text(
    'There is no method "{method}" that can be refused. Did you mean "{near}"?',
    "没有可拒绝的方法“{method}”。是否应为“{near}”？",
)
NEVER_REFUSED = Text(
    "{method} can not be refused: it keeps a call together or ends it. Leave it out.",
    "{method} 不能拒绝：它维持或结束通话。请去掉。",
)
NOT_ASYNC = Text(
    'Write "async def {name}": there is one kind of function, and it may await.',
    "请写“async def {name}”：只有这一种函数，可在其中 await。",
)
A_GENERATOR = Text(
    "{name} yields. A decision is one value that is returned: write return.",
    "{name} 使用了 yield。决定是一个返回值：请写 return。",
)
DECORATES_NOTHING = Text(
    "@edge.{decorator} stands above no function. Write it above async def NAME({parameters}).",
    "@edge.{decorator} 下方不是函数。请写在 async def NAME({parameters}) 上方。",
)
OTHER_PARAMETERS = Text(
    "{name} is called with ({parameters}); write: async def {name}({parameters}).",
    "{name} 将以 ({parameters}) 调用；请写：async def {name}({parameters})。",
)
NO_PARENTHESES = Text(
    "Write @edge.on_call without parentheses: it takes no arguments.",
    "请写 @edge.on_call，不带括号：它没有参数。",
)
UNKNOWN_ON_EDGE = Text(
    "An Edge has no {name}. It has on_call, on_request and keep.",
    "Edge 没有 {name}，只有 on_call、on_request 和 keep。",
)
UNKNOWN_ON_EDGE_NEAR = Text("An Edge has no {name}. Did you mean {near}?", "Edge 没有 {name}。是否应为 {near}？")
KEPT_TWICE = Text(
    "Two things are kept as {name}; give each a name of its own.", "有两个对象都以 {name} 保留；请各取一个名字。"
)
NO_FACTORY = Text(
    'What is kept as {name} is made by a function: edge.keep("{name}", set), and not set().',
    '以 {name} 保留的对象由函数生成：写 edge.keep("{name}", set)，而不是 set()。',
)
KEPT_OTHERWISE = Text(
    "What is kept as {name} is a {old}, and now a {new} is wanted. Give it another name, or start again.",
    "以 {name} 保留的是 {old}，现在需要 {new}。请换一个名字，或重新启动。",
)
HIDDEN_MODULE = Text(
    "The script means {file}, and gets {other}, which has the same name. Give yours another name.",
    "脚本要用的是 {file}，得到的却是同名的 {other}。请给自己的文件改名。",
)

# --- what can be seen without running it
NOT_AWAITED = Text(
    "{what} does nothing without await: write await {what}.", "{what} 没有 await 就不起作用：请写 await {what}。"
)
UNKNOWN_PART = Text("{what} has no {name}.", "{what} 没有 {name}。")
UNKNOWN_PART_NEAR = Text("{what} has no {name}. Did you mean {near}?", "{what} 没有 {name}。是否应为 {near}？")
UNKNOWN_PART_OF = Text("{what} has no {name}. It has {known}.", "{what} 没有 {name}。它有 {known}。")
READ_ONLY = Text(
    "{what} can be read, not set. Where a call goes is what the function returns.",
    "{what} 只能读取，不能设置。呼叫去向由函数的返回值决定。",
)
UNKNOWN_NAME = Text("There is no {name} here.", "这里没有 {name}。")
UNKNOWN_NAME_NEAR = Text("There is no {name} here. Did you mean {near}?", "这里没有 {name}。是否应为 {near}？")
UNKNOWN_KEYWORD = Text("{what}() takes no {name}. It takes {known}.", "{what}() 没有参数 {name}。其参数有 {known}。")
UNKNOWN_KEYWORD_NEAR = Text(
    "{what}() takes no {name}. Did you mean {near}?", "{what}() 没有参数 {name}。是否应为 {near}？"
)
NEVER_RETURNS = Text(
    "{name} returns nothing, so every call is refused. Return a route, reject(), drop() or as_usual().",
    "{name} 没有返回值，所有呼叫都会被拒绝。请返回路由、reject()、drop() 或 as_usual()。",
)
BLOCKS = Text(
    "{what} holds up all calls while it waits. Use {instead}.",
    "{what} 在等待时会阻塞所有呼叫。请用 {instead}。",
)
UNKNOWN_GROUP = Text(
    'There is no gateway of the group "{name}" in the configuration. There are: {known}.',
    "配置中没有属于组“{name}”的网关。已有：{known}。",
)
UNKNOWN_GROUP_NEAR = Text(
    'There is no gateway of the group "{name}" in the configuration. Did you mean "{near}"?',
    "配置中没有属于组“{name}”的网关。是否应为“{near}”？",
)
NO_GROUPS = Text(
    'There is no gateway of the group "{name}": the configuration has no [[gateways]].',
    "没有属于组“{name}”的网关：配置中没有 [[gateways]]。",
)
UNKNOWN_USER = Text(
    'There is no user "{name}" now: calls there end with 404.', "目前没有用户“{name}”：呼叫将以 404 结束。"
)
UNKNOWN_USER_NEAR = Text(
    'There is no user "{name}" now: calls there end with 404. Did you mean "{near}"?',
    "目前没有用户“{name}”：呼叫将以 404 结束。是否应为“{near}”？",
)
