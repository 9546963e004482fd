"""What an owner types wrongly in a rule file: told at its line and column, with what she typed and what to write,
in Chinese and English; what stands behind it is told too, and nothing is taken for something else.
"""

from __future__ import annotations

import pytest

from rules.aside import read_in_force
from rules.book import DOCUMENTS
from rules.language import nodes, spellings
from rules.language.faults import Fault
from tests.rules.texts import SHIPPED, book_faults, faults_of, leaf, refused, replaced, spoken

pytestmark = pytest.mark.usefixtures("bare")

NEW = "  - id: new\n    name: 新客\n    name_en: New\n"
VISITS = "{visits_90d: {at_least: 6}}"
PAID = "paid_365d: {at_least: 20000}"
FIRST = "when: {days_since_first_visit: {at_most: 30}}"
AWAY = "{days_since_visit: {at_least: 180}}"


def told(faults: list[Fault]) -> list[tuple[str, int, int, str, str]]:
    """File, line, column and both messages of each fault."""
    parts = []
    for fault in faults:
        english, chinese = spoken(fault), spoken(fault, "zh_Hans_CN")
        name = fault.place.file.removeprefix("rules/").removesuffix(".yaml")
        message = chinese.split("列：", 1)[1], english.split(": ", 1)[1]
        parts.append((name, fault.place.line, fault.place.column, *message))
    return parts


def changed(old: str, new: str) -> str:
    """The shipped tags with the first place of a passage changed."""
    assert old in SHIPPED["tags"], old
    return SHIPPED["tags"].replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "chinese", "english"),
    [
        (
            "    name: 新客",
            "\tname: 新客",
            25,
            1,
            "这里用了 Tab 键，请改成空格。",
            "A tab stands here; write spaces instead.",
        ),
        (
            "    name: 新客",
            "    name： 新客",
            25,
            9,
            "用了中文冒号 ：，请改成 :",
            "The Chinese colon ： stands here; write : instead.",
        ),
        (
            "    name: 新客",
            "    name:新客",
            25,
            9,
            "冒号后面要加一个空格：name: …",
            "A space belongs behind the colon: name: …",
        ),
        (
            "- id: slipping",
            "- id: “slipping”",
            85,
            9,
            '用了中文引号 “ ”，请改成 " "',
            'The Chinese quotation mark “ ” stands here; write " " instead.',
        ),
        (
            "    " + FIRST,
            "  " + FIRST,
            27,
            3,
            "缩进不对：这一行前面有 2 个空格，应当是 4 个。",
            "The indentation does not fit: this line begins with 2 spaces, and 4 belong there.",
        ),
        (
            "    " + FIRST,
            "      " + FIRST,
            27,
            7,
            "缩进不对：这一行前面有 6 个空格，应当是 4 个。",
            "The indentation does not fit: this line begins with 6 spaces, and 4 belong there.",
        ),
        (
            "[60, 179]",
            "[60，179]",
            103,
            41,
            '列表里用了中文逗号 ，，请改成 ,；如果它是文字的一部分，请给整段文字加上英文引号 " "。',
            "The Chinese comma ， stands in a list: write , between its items, "
            "or put the whole text in quotation marks.",
        ),
        (
            VISITS,
            "{visits_90d: ｛at_least: 6｝}",
            53,
            24,
            "用了中文花括号 ｛ ｝，请改成 { }",
            "The Chinese brace ｛ ｝ stands here; write { } instead.",
        ),
        (AWAY, "{days_since_visit: {at_least: 180%}}", 113, 41, "写 180，不要写 180%。", "Write 180, not 180%."),
        ("{at_least: 150%}", "{at_least: 1.5}", 92, 36, "写 150%，不要写 1.5。", "Write 150%, not 1.5."),
        (PAID, "paid_365d: {at_least: 2万}", 64, 33, "写 20000，不要写 2万。", "Write 20000, not 2万."),
        (PAID, "paid_365d: {at_least: 20,000}", 64, 33, "写 20000，不要写 20,000。", "Write 20000, not 20,000."),
        (FIRST, FIRST.replace("30", "30天"), 27, 46, "写 30，不要写 30天。", "Write 30, not 30天."),
        (FIRST, FIRST.replace("30", "３０"), 27, 46, "写 30，不要写 ３０。", "Write 30, not ３０."),
        (
            VISITS,
            "{visits_60: {at_least: 6}}",
            53,
            12,
            "没有叫 visits_60 的事实，是不是 visits_60d？",
            "There is no fact called visits_60; did you mean visits_60d?",
        ),
        (
            VISITS,
            "{90天到店次数: {at_least: 6}}",
            53,
            12,
            "写 visits_90d，不要写 90天到店次数。",
            "Write visits_90d, not 90天到店次数.",
        ),
        (VISITS, '{visits_90d: {">=": 6}}', 53, 25, "写 at_least，不要写 >=。", "Write at_least, not >=."),
        (
            "then: [{tag: lost}]",
            "then: [{tag: 流失}]",
            114,
            12,
            "没有叫 流失 的标签，是不是 slipping (流失预警) 或 lost (流失客户)？",
            "There is no tag called 流失; did you mean slipping (流失预警) or lost (流失客户)?",
        ),
        (f"    when: {VISITS}\n", "", 50, 5, "缺少键 when。", "The key when is missing."),
        (
            "[60, 179]",
            "[179, 60]",
            103,
            40,
            "between 需要两个值，小的在前。写 [60, 179]，不要写 [179, 60]。",
            "between needs two values, the smaller one first. Write [60, 179], not [179, 60].",
        ),
        (
            "    name: 新客",
            "\u00a0\u00a0\u00a0\u00a0name: 新客",
            25,
            1,
            "这里有一个看不见的字符（U+00A0），请删掉或改成普通空格。",
            "An invisible character (U+00A0) stands here; take it out or write a plain space.",
        ),
        (
            "    name: 新客",
            "　　name: 新客",
            25,
            1,
            "这里用了全角空格，请改成普通空格。",
            "A full-width space stands here; write plain spaces instead.",
        ),
        (
            "  - id: dormant",
            "  — id: dormant",
            100,
            3,
            "用了中文破折号 —，请改成 -",
            "The Chinese dash — stands here; write - instead.",
        ),
    ],
)
def test_each_mistake_is_told_with_what_was_typed_and_what_to_write(
    old: str, new: str, line: int, column: int, chinese: str, english: str
) -> None:
    assert told(book_faults({"tags": changed(old, new)})) == [("tags", line, column, chinese, english)]


def test_a_misspelt_key_is_told_with_the_nearest() -> None:
    assert told(book_faults({"tags": changed("    name: 新客", "    naem: 新客")})) == [
        ("tags", 24, 5, "缺少键 name。", "The key name is missing."),
        ("tags", 25, 5, "没有叫 naem 的键，是不是 name？", "There is no key called naem; did you mean name?"),
    ]


def test_a_day_that_no_year_has() -> None:
    text = SHIPPED["festivals"].replace('"01-01"', '"02-30"', 1)
    [(_file, line, column, chinese, english)] = told(book_faults({"festivals": text}))
    assert (line, column) == (9, 62)
    assert chinese == "这里要写每年都有的日子：月和日，如 02-14。这里写的是“02-30”。"
    assert english.endswith("such as 02-14. “02-30” is not that.")


def test_faults_of_all_files_are_told_at_once() -> None:
    text = changed(VISITS, "{visits_60: {at_least: 6}}").replace(AWAY, "{days_since_visit: {at_least: 180%}}")
    faults = book_faults({"tags": text, "tiers": SHIPPED["tiers"].replace("version: 1", "version: one")})
    assert [(one[0], one[1], one[2]) for one in told(faults)] == [("tags", 53, 12), ("tags", 113, 41), ("tiers", 2, 10)]
    assert told(faults)[2][3] == "此处须填整数，如 6。这里写的是“one”。"


def test_behind_a_mistake_of_typing_the_reader_goes_on() -> None:
    """Two that keep the file from being YAML, one within the text, and a value that does not fit."""
    text = changed("    name: 新客", "    name： 新客").replace("  - id: dormant", "  — id: dormant")
    text = text.replace("- id: slipping", "- id: “slipping”").replace(AWAY, "{days_since_visit: {at_least: 180天}}")
    assert [one[1] for one in told(book_faults({"tags": text}))] == [25, 85, 100, 113]


def test_a_document_behind_the_first_and_an_anchor() -> None:
    text = SHIPPED["tags"]
    [second] = told(book_faults({"tags": text + "\n---\nfoo: bar\n"}))
    assert second[1:] == (
        174,
        1,
        "一个文件只能包含一个文档，请去掉“---”。",
        "A file holds one document; take out the «---».",
    )
    bomb = "\na: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n"
    [anchor] = told(book_faults({"tags": text + bomb}))
    assert anchor[1:3] == (174, 4)
    assert anchor[3].startswith("不允许使用 YAML 锚点（&）和别名（*）：请完整写出")


@pytest.mark.parametrize(
    ("encoding", "line", "column", "name"),
    [("gb18030", 5, 21, "GBK"), ("utf-16", 1, 1, "UTF-16"), ("utf-16-be", 1, 1, "UTF-16"), ("latin-1", 5, 21, "")],
)
def test_a_file_in_another_encoding(encoding: str, line: int, column: int, name: str) -> None:
    raw = SHIPPED["tags"].encode(encoding, errors="replace")
    if encoding == "latin-1":
        raw = raw.replace(b"????", b"caf\xe9", 1)
        raw = raw.replace(b"name: ??,", b"name: \xff\xff,", 1)
    [fault] = faults_of("tags", raw.decode("utf-8-sig", errors="surrogateescape"))
    assert (fault.place.line, fault.place.column) == (line, column)
    assert name in spoken(fault)
    assert "记事本：另存为，编码选 UTF-8" in spoken(fault, "zh_Hans_CN")


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake() -> None:
    raw = b"\xef\xbb\xbf" + SHIPPED["tags"].replace("\n", "\r\n").encode()
    assert faults_of("tags", raw.decode("utf-8-sig")) == []
    assert faults_of("tags", raw.decode()) == []


# ------------------------------------------------------------------------------------------------- its relatives


@pytest.mark.parametrize(
    ("fact", "typed", "write"),
    [
        ("paid_365d", "２００００", "20000"),
        ("paid_365d", "两万", "20000"),
        ("paid_365d", "1.5万元", "15000"),
        ("paid_365d", "2w", "20000"),
        ("paid_365d", "三千五", "3500"),
        ("paid_365d", "三千零五", "3005"),
        ("paid_365d", "两万五", "25000"),
        ("paid_365d", "５千", "5000"),
        ("paid_365d", "20，000", "20000"),
        ("paid_365d", "100%", None),
        ("paid_365d", "8折", None),
        ("visits_90d", "2倍", None),
        ("visits_90d", "6次", "6"),
        ("visits_90d", "六", "6"),
        ("visits_90d", "十二次", "12"),
        ("visits_90d", "6元", "6"),
        ("visits_90d", "¥6", "6"),
        ("visits_90d", "6 天", None),
        ("days_since_visit", "一百八十天", "180"),
        ("days_since_visit", "3个月", "90"),
        ("days_since_visit", "两周", "14"),
        ("days_since_visit", "30元", "30"),
        ("days_since_visit", "3小时", None),
        ("away_percent", "百分之一百五十", "150%"),
        ("away_percent", "150％", "150%"),
        ("away_percent", "1.5", "150%"),
        ("away_percent", "150天", None),
    ],
)
def test_numbers_as_people_write_them(fact: str, typed: str, write: str | None) -> None:
    [fault] = refused(f'{{{fact}: {{at_least: "{typed}"}}}}')
    assert fault.place.column == len("when: {" + fact + ": {at_least: ") + 1
    expected = f"写 {write}，不要写 {typed}。" if write else f"{typed} 不是数字。"
    assert expected in spoken(fault, "zh_Hans_CN")


@pytest.mark.parametrize("typed", ["20000元", "¥20000", "￥20,000.00", "20_000"])
def test_amounts_that_can_be_meant_in_one_way_only_are_taken(typed: str) -> None:
    assert leaf(f'{{paid_365d: {{at_least: "{typed}"}}}}').values == (2_000_000,)


@pytest.mark.parametrize(
    ("document", "old", "new", "write", "typed"),
    [
        ("tiers", "valid: 12mo", "valid: 1年", "12mo", "1年"),
        ("tiers", "grace: 30d", "grace: 30天", "30d", "30天"),
        ("tiers", "notice: 30d", "notice: 一个月", "30d", "一个月"),
        ("tiers", "services: 85%", "services: 0.85", "85%", "0.85"),
        ("tiers", "services: 85%", "services: 8.5折", "85%", "8.5折"),
        ("tiers", "services: 85%", "services: 八五折", "85%", "八五折"),
        ("tiers", "services: 85%", "services: 百分之八十五", "85%", "百分之八十五"),
        ("tiers", "services: 85%", "services: 85", "85%", "85"),
        ("tiers", "downgrade: one_down", "downgrade: one-down", "one_down", "one-down"),
        ("till", "step: 15min", "step: 15分钟", "15min", "15分钟"),
        ("till", "gifts_a_month: 500", "gifts_a_month: 5百", "500", "5百"),
        ("till", "card_days: 365", "card_days: ３６５", "365", "３６５"),
        ("campaigns", 'quiet: "21:00-09:00"', "quiet: 21：00 至 9：00", "21:00-09:00", "21：00 至 9：00"),
        ("festivals", '"02-14"', "2月14日", "02-14", "2月14日"),
        ("festivals", '"08-15"', "八月十五", "08-15", "八月十五"),
        ("tags", "colour: rose}\n  - {id: promising", "colour: rose}\n  - {id: Promising", "promising", "Promising"),
    ],
)
def test_values_of_other_keys(document: str, old: str, new: str, write: str, typed: str) -> None:
    assert old in SHIPPED[document]
    faults = faults_of(document, SHIPPED[document].replace(old, new, 1))
    assert f"写 {write}，不要写 {typed}。" in spoken(faults[0], "zh_Hans_CN")
    assert len(faults) == 1


TAG = "colour: rose}\n  - {id: promising"


@pytest.mark.parametrize(
    ("document", "old", "new", "chinese"),
    [
        ("campaigns", "worth: 100,", "worth: 8折,", "折扣和百分比不是金额，请写明合多少元，如 1000。这里写的是“8折”。"),
        ("recharge", "bonus: 160", "bonus: 10%", "赠金要写金额（元）：2000 的 10% 是 200。写 200，不要写 10%。"),
        ("points", "per_yuan: 100%", "per_yuan: 1", "写 100% (1 倍) 或 1% (百分之 1)，不要写 1。"),
        ("tiers", "points_rate: 200%", "points_rate: 2", "写 200% (2 倍) 或 2% (百分之 2)，不要写 2。"),
        ("tiers", "points_rate: 200%", "points_rate: 2倍", "写 200%，不要写 2倍。"),
        ("tiers", "points_rate: 200%", "points_rate: 20", "写 20%，不要写 20。"),
        ("till", "floor: 65%", "floor: 6.5", "写 65% (6.5 折) 或 6.5% (百分之 6.5)，不要写 6.5。"),
        ("till", "floor: 65%", "floor: 650", "如 95%。这里写的是“650”。"),
        ("tiers", "services: 85%", "services: 2倍", "如 95%。这里写的是“2倍”。"),
        ("commissions", "recharge: 3%", "recharge: 3", "写 3%，不要写 3。"),
        ("commissions", "recharge: 3%", "recharge: 0.3", "写 30% (0.3 倍) 或 0.3% (百分之 0.3)，不要写 0.3。"),
        ("recharge", "bonus_valid: 24mo", "bonus_valid: 24m", "写 24mo，不要写 24m。"),
        ("till", "step: 15min", "step: 15m", "写 15min，不要写 15m。"),
        ("till", "card_days: 365", "card_days: 1年", "写 365，不要写 1年。"),
        ("till", "card_days: 365", "card_days: 20年", "如 30。这里写的是“20年”。"),
        ("points", "years: 1", "years: 1年", "写 1，不要写 1年。"),
        ("tags", TAG, TAG.replace("rose", "绿色", 1), "写 green，不要写 绿色。"),
        ("tiers", "color: rose", "color: 红", "写 rose，不要写 红。"),
        ("tiers", "downgrade: one_down", "downgrade: 降一级", "写 one_down，不要写 降一级。"),
        ("festivals", "day: 7", "day: 周日", "写 7，不要写 周日。"),
        ("festivals", "day: 7", "day: Sunday", "写 7，不要写 Sunday。"),
        ("festivals", "month: 5", "month: 5月", "写 5，不要写 5月。"),
        ("festivals", '"12-25"', "2026-12-25", "写 12-25，不要写 2026-12-25。"),
        ("tiers", "any:", "and:", "写 all，不要写 and。"),
        ("tags", f"when: {VISITS}", "when: {tier: {in: [金卡]}}", "没有叫 金卡 的会员等级，是不是 gold (金卡)？"),
    ],
)
def test_what_is_proposed_means_what_was_meant_and_would_be_taken(
    document: str, old: str, new: str, chinese: str
) -> None:
    """Every reading of a number is named, and none that its place would refuse."""
    assert old in SHIPPED[document]
    [(_file, _line, _column, said, _english)] = told(book_faults({document: SHIPPED[document].replace(old, new, 1)}))
    assert said.endswith(chinese)


BELOW = "写的是实付的比例：%s 低于最低价 65%%（till.yaml 的 floor）。"


@pytest.mark.parametrize(
    ("document", "old", "new", "column", "chinese"),
    [
        ("alerts", 'text: "{name} 已', 'text: "｛name｝ 已', 17, "写 {name}，不要写 ｛name｝。"),
        ("tags", "    name: 新客", "    name: 新客 #1", 11, "# 后面是备注，不会读入：这里只读到“新客”。"),
        ("campaigns", "worth: 100, from: 980", "worth: 980, from: 100", 5, "这张券在满 100 元的账单上减 980 元："),
        ("tiers", "services: 85%", "services: 15%", 5, f"services {BELOW % '15%'}要减 15% 请写 85%。"),
        ("tiers", "products: 88%", "products: 40%", 5, f"products {BELOW % '40%'}"),
        ("tags", "    name: 新客", "    name: “新”客", 11, "名称里不要带引号 “ ”，请去掉。"),
        ("alerts", 'text: "{name} 已', "text: “{name}” 已", 17, "以 “ 开头的文字要整段加上英文引号"),
    ],
)
def test_what_would_be_taken_for_something_else_is_asked(
    document: str, old: str, new: str, column: int, chinese: str
) -> None:
    assert old in SHIPPED[document]
    text = SHIPPED[document].replace(old, new, 1)
    faults = told(book_faults({document: text.replace('请联系。"', "请联系。", 1) if "“{name}”" in new else text}))
    assert [one[2] for one in faults] == [column], faults
    assert faults[0][3].startswith(chinese)


@pytest.mark.parametrize("name", ["新客 # 第一次来", '"新客 #1"', "新客#1"])
def test_a_remark_with_a_space_and_a_sign_that_belongs_to_a_name_are_left(name: str) -> None:
    assert faults_of("tags", changed("    name: 新客", f"    name: {name}")) == []


ALERT = 'text: "{name} 已 {days_since_visit} 天未到店，请联系。"'
ITEM = "        - largest_recharge_365d: {at_least: 5000}"


@pytest.mark.parametrize(
    ("document", "old", "new", "column", "chinese"),
    [
        ("alerts", ALERT, ALERT[:-1], 17, '这里的引号 " 只有开头没有结尾：请在这段文字末尾也加上 "'),
        ("alerts", ALERT, ALERT.replace('"', "'", 1)[:-1], 17, "这里的引号 ' 只有开头没有结尾："),
        ("alerts", ALERT, ALERT[:-1] + "”", 55, '用了中文引号 ”，请改成 "'),
        ("alerts", ALERT, ALERT.replace('"', ""), 17, "以花括号开头的文字要加上英文引号："),
        ("alerts", ALERT, "text: {name}", 17, '以花括号开头的文字要加上英文引号："{name}"'),
        ("tiers", ITEM, ITEM.replace("- ", ""), 9, "这里少了列表项前面的短横：请写成 - largest_recharge_365d"),
        ("recharge", "  - {pay: 3000", "  {pay: 3000", 3, "这里少了列表项前面的短横：请写成 - {pay: 3000"),
        ("tiers", "  - id: gold", "  id: gold", 3, "这里少了列表项前面的短横：请写成 - id: gold"),
        ("tiers", "  - id: gold", "    id: gold", 5, "键 id 重复，首次出现在第 22 行。如果这里开始新的一项"),
        ("tiers", "    name: 金卡", "  name: 金卡", 3, "缩进不对：这一行前面有 2 个空格，应当是 4 个。"),
    ],
)
def test_the_cause_is_named_and_not_what_follows_from_it(
    document: str, old: str, new: str, column: int, chinese: str
) -> None:
    text = SHIPPED[document].replace(old, new, 1)
    [(_file, line, found, said, _english)] = told(faults_of(document, text))
    assert (line, found) == (SHIPPED[document][: SHIPPED[document].index(old)].count("\n") + 1, column)
    assert said.startswith(chinese)


def test_a_text_of_several_lines_is_none_that_is_never_closed() -> None:
    text = SHIPPED["alerts"].replace(ALERT, ALERT.replace("天未到店，", "天未到店，\n                "), 1)
    assert faults_of("alerts", text) == []
    [fault] = faults_of("alerts", text + "\nwatch\n")
    assert "uotation" not in spoken(fault)


@pytest.mark.parametrize(
    ("spelling", "typed", "write"),
    [
        (spellings.clock, "晚上9点半", "21:30"),
        (spellings.clock, "9:00pm", "21:00"),
        (spellings.clock, "25点", None),
        (spellings.hours, "21:00～09:00", "21:00-09:00"),
        (spellings.month_day, "腊月三十", "12-30"),
        (spellings.month_day, "13/40", None),
        (spellings.rate, "2次/30天", "2 / 30d"),
        (spellings.flag, "开启", "yes"),
        (spellings.flag, "也许", None),
        (spellings.short_name, "“Slipping away”", "slipping-away"),
        (spellings.operator, "不少于", "at_least"),
        (spellings.operator, "≠", "is_not"),
        (spellings.operator, "大概", None),
        (spellings.money, "9" * 60, None),
    ],
)
def test_spellings(spelling: spellings.Spelling, typed: str, write: str | None) -> None:
    assert spelling(typed) == write


@pytest.mark.parametrize("sign", "：，、；｛｝［］【】“”‘’＂＇")
def test_every_sign_of_a_chinese_keyboard_where_yaml_wants_another_is_named(sign: str) -> None:
    """In place of the same sign of the language, it keeps the line from being what it was."""
    plain = {"：": ": ", "，": ", ", "、": ", ", "；": ", "}.get(sign)
    line = '  - {id: new, name: "新客", name_en: New, colour: green}'
    position = {"｛": "{", "｝": "}", "［": "{", "］": "}", "【": "{", "】": "}"}.get(sign)
    if plain or position:
        wrong = line.replace(plain or position or "", sign, 1)
    else:
        wrong = line.replace('"', sign)
    faults = book_faults({"tags": replaced("tags", line.replace('"', ""), wrong)})
    assert {fault.place.line for fault in faults} == {5}
    assert any(sign in spoken(fault) for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: 新客\n    name_en", "name: “新客”\n    name_en", "“ ”"),
        ("name: 新客\n    name_en", "name: 新“客”\n    name_en", "“ ”"),
        ("name: 新客\n    name_en", 'name: "新“客”"\n    name_en', "“ ”"),
        ("name: 新客\n    name_en", "name: 　新客\n    name_en", "全角空格"),
        ("name: 新客\n    name_en", "name: 新客\u200b\n    name_en", "U+200B"),
        ("name: 新客\n    name_en", "name: 新客\n      体验\n    name_en", "接到了下一行"),
    ],
)
def test_a_name_is_nothing_but_the_name(old: str, new: str, words: str) -> None:
    [fault] = faults_of("tags", changed(old, new))
    assert fault.place.line == 25
    assert words in spoken(fault, "zh_Hans_CN")


def test_items_with_a_chinese_comma_between_them_are_not_one_item() -> None:
    text = SHIPPED["tiers"].replace("[专属顾问, 每季眼部护理]", "[专属顾问，每季眼部护理]")
    [fault] = faults_of("tiers", text)
    assert "中文逗号 ，" in spoken(fault, "zh_Hans_CN")
    quoted = SHIPPED["tiers"].replace("[专属顾问, 每季眼部护理]", '["专属顾问，每季眼部护理"]')
    assert faults_of("tiers", quoted) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_ships_is_typed_without_a_mistake(name: str) -> None:
    assert faults_of(name, SHIPPED[name]) == []


def test_a_comparison_written_into_the_value() -> None:
    [fault] = refused('{visits_90d: ">= 6"}')
    assert spoken(fault, "zh_Hans_CN").endswith("写 {at_least: 6}，不要写 >= 6。")


@pytest.mark.parametrize(
    ("typed", "write"), [("60-179", "[60, 179]"), ("60 到 179", "[60, 179]"), ("60～179", "[60, 179]")]
)
def test_a_range_written_as_one_word(typed: str, write: str) -> None:
    [fault] = refused(f"{{days_since_visit: {{between: {typed}}}}}")
    assert f"写 {write}，不要写 {typed}。" in spoken(fault, "zh_Hans_CN")


# ------------------------------------------------------------------------------------------------------ its bounds


def test_a_file_of_nothing_but_full_width_colons() -> None:
    faults = faults_of("points", SHIPPED["points"].replace(": ", "："))
    lines = [number for number, line in enumerate(SHIPPED["points"].splitlines(), 1) if ": " in line.split("#")[0]]
    assert [fault.place.line for fault in faults] == lines


def test_no_more_than_a_hundred_faults_are_told() -> None:
    assert len(faults_of("tags", "".join(f"\tk{number}: 1\n" for number in range(500)))) <= 101
    conditions = "".join(f"        - vissits_{number}: 3\n" for number in range(500))
    rule = f"rules:\n  - id: r\n    name: R\n    then: [{{tag: a}}]\n    when:\n      all:\n{conditions}"
    assert len(faults_of("tags", f"version: 1\ntags: []\n{rule}")) == 100


def test_a_file_says_no_more_than_a_hundred_thousand_words() -> None:
    [fault] = faults_of("tags", f"a: [{'b, ' * 100_000}]")
    assert "more than 100000 words" in spoken(fault)


def test_a_table_has_no_more_than_a_hundred_rows() -> None:
    rows = "".join(f"      - {{tag: new, when: {{visits_90d: {number}}}}}\n" for number in range(100))
    layers = f"layers:\n  - id: x\n    name: X\n    first_match:\n{rows}      - {{tag: new}}\n"
    [fault] = faults_of("tags", SHIPPED["tags"].split("layers:")[0] + layers)
    assert "at most 100" in spoken(fault)


def test_what_is_kept_of_texts_is_bounded_by_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_CACHED", 40_000)
    nodes.parse("a: 1", "first.yaml")
    for number in range(20):
        nodes.parse(f"a: [{'b, ' * 9}{number}]", "x.yaml")
    kept = list(nodes._PARSED)
    assert ("first.yaml", "a: 1") not in kept
    assert sum(parsed.weight for parsed in nodes._PARSED.values()) <= 40_000
    assert kept[-1][1].endswith("19]")
    nodes.parse(f"a: [{'b, ' * 60}]", "large.yaml")
    assert not nodes._PARSED


def test_what_came_into_force_before_it_was_doubtful_is_still_read() -> None:
    """A text of an earlier release has to open the house."""
    texts = {**SHIPPED, "tags": changed("name: 新客\n    name_en", "name: 新“客”\n    name_en")}
    texts["tiers"] = texts["tiers"].replace("[专属顾问, 每季眼部护理]", "[专属顾问，每季眼部护理]")
    book = read_in_force(texts.__getitem__)
    assert book.aside == ()
    assert book.tags.rules[0].name == "新“客”"
    assert book.tiers.tiers[1].exclusive == ["专属顾问，每季眼部护理"]
