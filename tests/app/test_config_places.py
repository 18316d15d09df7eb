import tomllib

from talkpath.app.config.places import Place, places

DOCUMENT = '''# a comment with [brackets] and = signs
a = 1
b.c = "x # not a comment ]"   # one
list = [ 1, "two, ]", [3], {x = 1, y = [1, 2]},
  # between
  5 ]
text = """several ] lines "
key = "not a key" \\""" """
day = 1979-05-27 07:32:00
[table."quoted.key"]
k = true
[[items]]
a = 1
[[items]]
  b = 'C:\\path'
[items.below]
z = 1
'''


def test_every_kind_of_value_is_stepped_over_and_every_key_found() -> None:
    tomllib.loads(DOCUMENT)
    found = places(DOCUMENT)
    assert found["a",] == Place(2, 1)
    assert found["b", "c"] == Place(3, 1)
    assert found["list", 1] == Place(4, 13)
    assert found["list", 3, "y"] == Place(4, 36)
    assert found["list", 4] == Place(6, 3)
    assert found["day",] == Place(9, 1)
    assert found["table", "quoted.key", "k"] == Place(11, 1)
    assert found["items", 1, "b"] == Place(15, 3)
    assert found["items", 1, "below", "z"] == Place(17, 1)
    assert ("key",) not in found


def test_list_of_tables_stands_where_its_first_header_is() -> None:
    assert places("[[a]]\nx = 1\n[[a]]\nx = 2\n")["a",] == Place(1, 1)
