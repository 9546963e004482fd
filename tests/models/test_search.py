"""A row is found by what people type: a part of the name, its pinyin, its initials, the tail of a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from models import search
from models.catalogue import Service
from models.clock import SearchKey
from models.customers import Customer
from models.entity import Entity, db
from models.organisation import Staff, Store
from models.search import LONGEST_KEY, MOST_KEYS, keys_of, matching, syllables
from tests.cast import TODAY, raw_operation
from tests.conftest import House
from tests.models import raw

NAMES = {
    "单雄信": "shan xiong xin",
    "曾国荃": "zeng guo quan",
    "仇英": "qiu ying",
    "解晓东": "xie xiao dong",
    "区桂芝": "ou gui zhi",
    "查良镛": "zha liang yong",
    "任盈盈": "ren ying ying",
    "朴树": "piao shu",
    "尉迟恭": "yu chi gong",
    "万俟卨": "mo qi xie",
    "欧阳娜": "ou yang na",
    "王小单": "wang xiao dan",
    "单": "shan",
}
FOUND = ("曾静", "曾", "静", "zengjing", "zeng", "zj", "z", "jing", "j", "vip0387", "0387", "387", "V I P", "ZengJing")
NOT_FOUND = ("静曾", "engjing", "vip1", "1387", "%", "_", "zengjingg")


@pytest.fixture
def jing(house: House) -> int:
    return customer(house, name="曾静", member_no="VIP0387", phone="+8613912345678")


def customer(house: House, **values: str) -> int:
    with raw_operation():
        row = Customer(store_id=house.ids["first"], registered_on=TODAY, **values)
        db.session.add(row)
        db.session.flush()
        return row.id


def found(query: str, entity: type[Entity] = Customer) -> set[int]:
    db.session.rollback()
    return set(db.session.scalars(matching(entity, query)))


def by_number(number: str, entity: type[Entity] = Customer) -> set[int]:
    condition = search.by_number(entity, entity.fields()["phone"], number)
    assert condition is not None
    db.session.rollback()
    return set(db.session.scalars(select(entity.id).where(condition)))


def change(customer_id: int, **values: object) -> None:
    with raw_operation():
        row = db.session.get_one(Customer, customer_id)
        for name, value in values.items():
            setattr(row, name, value)


# ---------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(("name", "reading"), NAMES.items())
def test_a_surname_is_read_as_a_surname(name: str, reading: str) -> None:
    assert list(syllables(name)) == reading.split()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_its_suffixes_pinyin_and_initials_as_words(name: str) -> None:
    parts = NAMES[name].split()
    initials = "".join(part[0] for part in parts)
    wanted = {name[place:] for place in range(len(name))}
    wanted |= {"".join(parts[place:]) for place in range(len(parts))} | {
        initials[place:] for place in range(len(parts))
    }
    assert wanted <= keys_of(name)


@pytest.mark.parametrize(
    ("number", "words"), {"VIP0387": {"vip0387", "0387", "387"}, "A-12": {"a-12", "a", "12"}}.items()
)
def test_a_member_number_has_its_tail_as_words(number: str, words: set[str]) -> None:
    assert keys_of(number) == words


@pytest.mark.parametrize(
    ("text", "pinyin"), {"洗头": "xitou", "解压按摩": "jieya", "单次护理": "danci", "区域": "quyu"}.items()
)
def test_a_common_word_that_looks_like_a_surname_is_also_read_as_a_word(text: str, pinyin: str) -> None:
    assert any(key.startswith(pinyin) for key in keys_of(text))


@pytest.mark.parametrize("text", ["Lily 陈晨", "陈晨Lily", "陈·晨"])
def test_a_mixed_name_is_found_by_each_of_its_parts(text: str) -> None:
    assert {"陈", "晨"} <= {key[:1] for key in keys_of(text)}


@given(text=st.text())
def test_any_text_has_few_and_short_words(text: str) -> None:
    keys = keys_of(text)
    assert len(keys) <= MOST_KEYS
    assert all(key and len(key) <= LONGEST_KEY for key in keys)


@given(text=st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20))
def test_any_text_is_found_by_itself(text: str) -> None:
    assert search.normal(text) in keys_of(text)


WAYS = {
    "2号店王芳": ("王芳", "芳", "wangfang", "wf", "2号店", "号店王芳"),
    "𠮷小芳": ("小芳", "𠮷", "𠮷小芳", "jixiaofang", "xiaofang", "jxf"),
    "阿依古丽·买买提": (
        "阿依古丽·买买提",
        "阿依古丽买买提",
        "阿依古丽•买买提",
        "阿依古丽．买买提",
        "买买提",
        "ayiguli",
    ),
    "Ｌｕｃｙ李": ("lucy", "李", "Lucy李", "ｌｕｃｙ", "lucyli", "li"),
    "VIP王姐": ("wangjie", "王姐", "vip王姐", "VIP 王姐"),
    "李茜": ("lixi", "liqian", "lx", "lq"),
    "胡长治": ("huchangzhi", "huzhangzhi", "hcz"),
    "员兰": ("yunlan", "yuanlan"),
    "谌静": ("shenjing", "chenjing"),
    "张行": ("zhanghang", "zhangxing", "zh"),
    "张\u200b三": ("张三", "张\u202e三", "zhangsan"),
    "张三\ufeff": ("张三", "\u2066张三"),
    "張三": ("張三", "张三", "zhangsan"),
    "张丽华": ("張麗華", "麗華"),
    "頭髮護理": ("头发护理", "护理", "toufahuli"),
    "李乾": ("liqian", "ligan", "李干", "李乾"),
    "单于曾仇": ("shanyu", "chanyu", "zengqiu", "cycc", "chanyuzengchou", "cyzc", "shanyucengqiu", "sycq"),
    "ｶﾘﾝ": ("カリン",),
    "Müller": ("müller", "MÜLLER", "mu\u0308ller"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_name_is_found_however_it_is_written_or_read(name: str) -> None:
    keys = keys_of(name)
    assert [query for query in WAYS[name] if not any(key.startswith(search.normal(query)) for key in keys)] == []


@pytest.mark.parametrize(
    ("written", "name"),
    {
        "王芳女士": "王芳",
        "VIP王芳": "王芳",
        "张\u200b三": "张三",
        "张三\ufeff": "张三",
        "Ｌｕｃｙ 小姐": "lucy",
        "vip0387": "vip0387",
        "女士": "女士",
        "王芳": "王芳",
    }.items(),
)
def test_a_name_is_compared_without_what_is_not_of_it(written: str, name: str) -> None:
    assert search.without_title(written) == name


def test_a_query_may_have_a_title_that_the_name_has_not(house: House) -> None:
    li, wang = customer(house, name="李明"), customer(house, name="王姐")
    assert found("李明女士") == found("VIP李明") == {li}
    assert found("王姐") == {wang}, "who is called so is found alone"
    assert found("李姐") == {li}


# ------------------------------------------------------------------------------------------------ rows of the house


def test_a_customer_is_found_by_what_people_type(jing: int) -> None:
    assert [query for query in FOUND if jing not in found(query)] == []


def test_she_is_not_found_by_anything_else(jing: int) -> None:
    assert [query for query in NOT_FOUND if jing in found(query)] == []


def test_a_name_of_two_characters_is_found_by_either(house: House) -> None:
    both = house.ids["anna"]
    assert (found("安"), found("娜")) == ({both}, {both})


def test_an_entity_is_not_found_by_the_words_of_another(house: House) -> None:
    assert found("第一店") == set()
    assert found("第一店", Store) == {house.ids["first"]}


def test_a_new_name_takes_the_place_of_the_old(jing: int) -> None:
    change(jing, name="尉迟敏")
    assert jing in found("yuchi") & found("敏") & found("vip0387")
    assert [query for query in ("曾", "静", "zengjing", "zj") if jing in found(query)] == []


def test_a_number_taken_away_is_found_no_more(jing: int) -> None:
    change(jing, member_no=None)
    assert jing not in found("vip0387") | found("387")
    assert jing in found("曾静")


def test_an_edit_of_something_else_leaves_the_words(jing: int) -> None:
    before = raw.rows("SELECT key FROM search_key WHERE row_id = :row ORDER BY key", row=jing)
    change(jing, notes="喜欢安静")
    assert raw.rows("SELECT key FROM search_key WHERE row_id = :row ORDER BY key", row=jing) == before


def test_what_was_rolled_back_is_not_found(house: House) -> None:
    with raw_operation():
        savepoint = db.session.begin_nested()
        db.session.add(Service(name="回滚", price=1, busy_minutes=1))
        db.session.flush()
        savepoint.rollback()
    assert found("回滚", Service) == set()


def test_words_are_made_again_from_the_rows(jing: int) -> None:
    before = raw.rows("SELECT entity, key, row_id FROM search_key WHERE entity = 'customer' ORDER BY key, row_id")
    with raw_operation():
        db.session.execute(delete(SearchKey).where(SearchKey.entity == "customer", SearchKey.row_id == jing))
        db.session.execute(insert(SearchKey).values(entity="customer", key="stale", row_id=jing))
        assert search.rebuild(db.session.connection(), Customer, batch=2) == 4
    after = raw.rows("SELECT entity, key, row_id FROM search_key WHERE entity = 'customer' ORDER BY key, row_id")
    assert after == before


def test_rows_changed_past_the_orm_are_found_after_a_rebuild(jing: int) -> None:
    with raw_operation():
        db.session.execute(update(Customer).where(Customer.id == jing).values(name="仇英"))
        search.rebuild(db.session.connection(), Customer)
    assert jing in found("qy")
    assert jing not in found("曾")


def test_an_entity_without_words_has_none_to_rebuild(house: House) -> None:
    from models.sales import Sale

    with raw_operation():
        assert search.rebuild(db.session.connection(), Sale) == 0


def test_both_engines_keep_the_same_words(house: House) -> None:
    kept = raw.rows("SELECT key FROM search_key WHERE row_id = :row AND entity = 'customer'", row=house.ids["anna"])
    assert {key for (key,) in kept} == keys_of("安娜") | keys_of("V001")


# ---------------------------------------------------------------------------------------------------- blind indexes


def test_a_number_is_found_whole_or_by_its_last_four(jing: int) -> None:
    ways = ("13912345678", "+86 139-1234-5678", "5678", " 56 78 ", "５６７８", "١٣٩١٢٣٤٥٦٧٨")
    assert [by_number(number) for number in ways] == [{jing}] * len(ways)


def test_another_number_is_not_found(jing: int) -> None:
    assert [by_number(number) for number in ("13912345679", "1391", "5679")] == [set()] * 3


@pytest.mark.parametrize("number", ["567", "56789", "安娜", ""])
def test_a_part_of_a_number_is_nothing_to_search_by(sqlite_house: House, number: str) -> None:
    assert search.by_number(Customer, Customer.fields()["phone"], number) is None


def test_a_new_number_takes_the_place_of_the_old(jing: int) -> None:
    change(jing, phone="+8613900009999")
    assert (by_number("9999"), by_number("13912345678"), by_number("5678")) == ({jing}, set(), set())


def test_a_number_that_is_gone_is_found_no_more(jing: int) -> None:
    change(jing, phone=None)
    assert raw.rows("SELECT phone_index, phone_last4 FROM customer WHERE id = :row", row=jing) == [(None, None)]


def test_the_index_of_a_number_does_not_tell_it(jing: int) -> None:
    [(whole, last4)] = raw.rows("SELECT phone_index, phone_last4 FROM customer WHERE id = :row", row=jing)
    assert "5678" not in {whole, last4}
    assert (len(whole), len(last4)) == (32, 32)


def test_a_number_has_another_index_with_the_staff(house: House, jing: int) -> None:
    with raw_operation():
        db.session.get_one(Staff, house.ids["other_staff"]).phone = "+8613912345678"
    assert by_number("13912345678", Staff) == {house.ids["other_staff"]}
    indexes = "SELECT phone_index FROM customer UNION SELECT phone_index FROM staff WHERE phone_index IS NOT NULL"
    assert len(raw.rows(indexes)) == 5
