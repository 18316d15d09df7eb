"""What an account may call out of the house, so that a stolen password does not become a bill."""

from typing import Annotated

import msgspec

from talkpath.app.config.field import doc


class TollAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that may call more than others, or less."""

    user: Annotated[str, doc("The user name.", "用户名。", of="user")]
    times: Annotated[
        float,
        doc(
            "How many times the limits it may call: 10 suits the account of a PBX, 1000 is as good as no limit, 0 "
            "keeps it from calling out at all.",
            "允许量是限额的多少倍：10 适合 PBX 帐号，1000 相当于不限，0 表示完全不能外呼。",
            ge=0,
            le=1_000,
        ),
    ] = 10.0


class Toll(msgspec.Struct, frozen=True, kw_only=True):
    """What each account may call out of the house. What is over a limit is refused with 403.

    Calls to users and services here are free, and so is who comes from `authentication.trusted` without credentials.
    """

    enabled: Annotated[
        bool,
        doc("Whether calls out of the house are limited at all.", "是否限制外呼。"),
    ] = True
    calls_at_once: Annotated[
        int,
        doc(
            "Calls of one account out of the house at once. The defaults are far above what a busy office needs.",
            "单个帐号同时的外呼数。默认值远高于繁忙办公室所需。",
            ge=0,
            le=1_000_000,
        ),
    ] = 100
    calls_per_h: Annotated[
        int,
        doc(
            "Calls of one account out of the house within an hour, answered or not.",
            "单个帐号一小时内的外呼次数，无论是否接通。",
            ge=0,
            le=1_000_000,
        ),
    ] = 3_000
    minutes_per_h: Annotated[
        int,
        doc(
            "Minutes that one account may talk out of the house within an hour, all its calls together. Calls that "
            "run are not cut.",
            "单个帐号一小时内外呼通话的总分钟数。不会切断进行中的通话。",
            ge=0,
            le=1_000_000,
        ),
    ] = 6_000
    requests_per_h: Annotated[
        int,
        doc(
            "Other requests of one account out of the house within an hour: MESSAGE, SUBSCRIBE, REFER and the like.",
            "单个帐号一小时内向外发送的其他请求数：MESSAGE、SUBSCRIBE、REFER 等。",
            ge=0,
            le=1_000_000,
        ),
    ] = 3_000
    home: Annotated[
        tuple[str, ...],
        doc(
            'Countries, or regions, that are not abroad, such as "+86". With none given nothing counts as abroad.',
            "不算国外的国家或地区号码前缀，例如“+86”。留空则没有号码算作国外。",
            of="home",
        ),
    ] = ()
    abroad_prefixes: Annotated[
        tuple[str, ...],
        doc(
            'What is dialled before the number of another country, besides "+": "011" in North America, "900" where '
            "a 9 gets an outside line.",
            "除“+”之外，拨打其他国家号码前所拨的前缀：北美为“011”，需先拨 9 取外线时为“900”。",
            of="prefix",
        ),
    ] = ("00",)
    abroad_calls_at_once: Annotated[
        int,
        doc("Calls of one account abroad at once.", "单个帐号同时的国际呼叫数。", ge=0, le=1_000_000),
    ] = 10
    abroad_calls_per_h: Annotated[
        int,
        doc(
            "Calls of one account abroad within an hour, answered or not.",
            "单个帐号一小时内的国际呼叫次数，无论是否接通。",
            ge=0,
            le=1_000_000,
        ),
    ] = 60
    abroad_minutes_per_h: Annotated[
        int,
        doc(
            "Minutes that one account may talk abroad within an hour.",
            "单个帐号一小时内国际通话的分钟数。",
            ge=0,
            le=1_000_000,
        ),
    ] = 300
    abroad_requests_per_h: Annotated[
        int,
        doc(
            "Other requests of one account abroad within an hour, such as MESSAGE.",
            "单个帐号一小时内向国外发送的其他请求（例如 MESSAGE）数。",
            ge=0,
            le=1_000_000,
        ),
    ] = 300
    accounts: Annotated[
        tuple[TollAccount, ...],
        doc("Accounts that may call more than others, or less.", "允许量与其他帐号不同的帐号。"),
    ] = ()
