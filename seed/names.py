"""Invented names and numbers for demo customers; the numbers lie in a block that no operator has given out."""

from __future__ import annotations

from random import Random

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余"
    "潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文单区查"
)
GIVEN = "静怡婷雅欣悦琳慧敏洁丽娟秀芳燕玲珊莎蕾薇颖露瑶诗涵梓萱晴梦佳雪莹倩晓岚思语嘉宁安然若曦清妍书瑜雯茜楠桐"
GIVEN_MALE = "伟强磊军洋勇杰涛超明刚平辉健俊帆宇浩凯"


def name_of(random: Random, male: bool = False) -> str:
    """A Chinese name of two or three characters."""
    given = GIVEN_MALE if male else GIVEN
    return random.choice(SURNAMES) + "".join(random.choice(given) for _ in range(random.choice((1, 2, 2))))


def phone_of(number: int) -> str:
    """The demo's n-th phone number, in E.164."""
    return f"+861990{number % 10_000_000:07d}"
