"""What is said of listeners that are not opened."""

from talkpath.base.texts import Text

CLOSED = Text(
    "{what} Closed until that is mended: {transports}. All else runs.",
    "{what}在此之前 {transports} 保持关闭，其余照常运行。",
)
NONE_LEFT = Text(
    "{what} No other listener is configured, so nothing would be heard. Mend that, or add a [[listeners]] that needs "
    "no certificate.",
    "{what}没有配置其他监听，因此什么也听不到。请修正，或添加一个不需要证书的 [[listeners]]。",
)
UNNAMED = Text(
    "Only the listeners that the configuration names are open: {open}. Closed: {closed}. Name those too if they are "
    "wanted, or leave [[listeners]] out to have all.",
    "只打开配置中写出的监听：{open}。{closed} 已关闭。需要时请一并写出，或去掉 [[listeners]] 以打开全部。",
)
UNNAMED_WITH_PAGE = Text(
    "Only the listeners that the configuration names are open: {open}. Closed: {closed}, and with them the page "
    "for browsers. Name those too if they are wanted, or leave [[listeners]] out to have all.",
    "只打开配置中写出的监听：{open}。{closed} 已关闭，浏览器页面也随之不可用。"
    "需要时请一并写出，或去掉 [[listeners]] 以打开全部。",
)
LEFT_OUT = Text("{what} Its names are shown the first certificate.", "{what}其中的名称将得到第一个证书。")
