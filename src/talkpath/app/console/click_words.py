"""What click itself writes into help pages and errors: it has no catalogue, and looks these up by their English."""

from talkpath.base.texts import Text

# Help pages.
USAGE = Text("Usage:", "用法：")
COLON = Text(":", "：")
OPTIONS = Text("[OPTIONS]", "[选项]")
SUBCOMMAND = Text("COMMAND [ARGS]...", "命令 [参数]...")

#: By what click writes; of a message with a plural both stand here.
OF_CLICK = (
    USAGE,
    Text("Options", "选项"),
    Text("Commands", "命令"),
    Text("Positional arguments", "位置参数"),
    Text("Show this message and exit.", "显示本帮助。"),
    Text("Error: {message}", "错误：{message}"),
    Text("Aborted!", "已中止。"),
    Text("Try '{command} {option}' for help.", "执行 `{command} {option}` 查看帮助。"),
    Text("Missing command.", "缺少命令。"),
    Text("Missing argument", "缺少参数"),
    Text("Missing option", "缺少选项"),
    Text("Missing parameter", "缺少参数"),
    Text("Missing parameter: {param_name}", "缺少参数：{param_name}"),
    Text("Missing {param_type}", "缺少 {param_type}"),
    Text("Invalid value: {message}", "无效的值：{message}"),
    Text("Invalid value for {param_hint}: {message}", "{param_hint} 的值无效：{message}"),
    Text("No such option {name!r}.", "没有选项 {name!r}。"),
    Text("No such command {name!r}.", "没有命令 {name!r}。"),
    Text("Did you mean {possibility}?", "是否要写 {possibility}？"),
    Text("(Did you mean one of: {possibilities}?)", "（是否要写其中之一：{possibilities}？）"),
    Text("Got unexpected extra argument ({args})", "多余的参数（{args}）"),
    Text("Got unexpected extra arguments ({args})", "多余的参数（{args}）"),
    Text("Takes {nargs} values but 1 was given.", "需要 {nargs} 个值，只给出 1 个。"),
    Text("Takes {nargs} values but {len} were given.", "需要 {nargs} 个值，给出了 {len} 个。"),
    Text(
        "{len_type} values are required, but {len_value} was given.", "需要 {len_type} 个值，只给出 {len_value} 个。"
    ),
    Text(
        "{len_type} values are required, but {len_value} were given.", "需要 {len_type} 个值，给出了 {len_value} 个。"
    ),
    Text("Option {name!r} does not take a value.", "选项 {name!r} 不带值。"),
    Text("Option {name!r} requires an argument.", "选项 {name!r} 需要一个值。"),
    Text("Option {name!r} requires {nargs} arguments.", "选项 {name!r} 需要 {nargs} 个值。"),
    Text("Argument {name!r} takes {nargs} values.", "参数 {name!r} 需要 {nargs} 个值。"),
    Text("Choose from:\n\t{choices}", "可选：\n\t{choices}"),
    Text("{value!r} is not {choice}.", "{value!r} 不是 {choice}。"),
    Text("{value!r} is not one of {choices}.", "{value!r} 不在 {choices} 之中。"),
    Text("{value!r} is not a valid {number_type}.", "{value!r} 不是有效的值（{number_type}）。"),
    Text("{value} is not in the range {range}.", "{value} 不在范围 {range} 之内。"),
    Text(
        "{value!r} is not a valid boolean. Recognized values: {states}",
        "{value!r} 不是有效的布尔值。可用的值：{states}",
    ),
    Text("Could not open file {filename!r}: {message}", "无法打开文件 {filename!r}：{message}"),
    Text("unknown error", "未知错误"),
    Text("file", "文件"),
    Text("directory", "目录"),
    Text("path", "路径"),
    Text("{name} {filename!r} does not exist.", "{name} {filename!r} 不存在。"),
    Text("{name} {filename!r} is a file.", "{name} {filename!r} 是文件。"),
    Text("{name} {filename!r} is a directory.", "{name} {filename!r} 是目录。"),
    Text("{name} {filename!r} is not readable.", "{name} {filename!r} 不可读。"),
    Text("{name} {filename!r} is not writable.", "{name} {filename!r} 不可写。"),
    Text("{name} {filename!r} is not executable.", "{name} {filename!r} 不可执行。"),
)
