"""What is saved is seen once, and not before it is whole."""

from pathlib import Path

from talkpath.routing.watching import Watch


def test_a_save_is_seen_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "routing.py"
    file.write_text("one")
    watch = Watch([file])
    assert not watch.is_changed()
    file.write_text("two, half")
    assert not watch.is_changed()
    file.write_text("two, as a whole")
    assert not watch.is_changed()
    assert watch.is_changed()
    assert not watch.is_changed()


def test_a_file_that_is_replaced_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "routing.py"
    file.write_text("one")
    watch = Watch([file])
    file.unlink()
    assert [watch.is_changed() for _ in range(3)] == [False, False, False]
    file.write_text("one and more")
    assert [watch.is_changed() for _ in range(3)] == [False, True, False]


def test_a_save_during_a_load_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "routing.py"
    file.write_text("one")
    watch = Watch([file])
    watch.begin()
    file.write_text("saved while the first is loaded")
    watch.follow([file])
    assert [watch.is_changed() for _ in range(3)] == [True, False, False]


def test_other_files_are_followed_after_a_reload(tmp_path: Path) -> None:
    file, beside = tmp_path / "routing.py", tmp_path / "tables.py"
    file.write_text("one")
    watch = Watch([file])
    beside.write_text("table")
    watch.follow([file, beside])
    beside.write_text("another table")
    assert [watch.is_changed() for _ in range(3)] == [False, True, False]
