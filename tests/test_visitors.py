"""Visitors of one server: each sees only what is theirs, and what they leave behind is given back."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

from bench.browsing import LightVisitor, header
from rnn.grid import grid
from rnn.store import Store, export_run
from tests.browser.serving import serving
from tests.scenes import play
from tests.stocked import SMALL, TEXT, trained
from tests.test_page import ENTRY, press, query, run_of
from ui import pool as pool_module
from ui import runs as runs_module
from ui import visitors
from ui.place import Source
from ui.pool import Pool
from ui.visitors import Met, Pages, is_shared

# What each types in, so that nothing of theirs can be taken for another's.
GREEK = "μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος\n" * 12
RUSSIAN = "жили у бабуси два весёлых гуся, один белый\n" * 12
HEBREW = "בראשית ברא אלהים את השמים ואת הארץ\n" * 12
EVERYWHERE = frozenset(" ,\n")


def letters(text: str) -> frozenset[str]:
    return frozenset(text) - EVERYWHERE


# -- real visitors ----------------------------------------------------------------------------------


class Listener(LightVisitor):
    """A visitor who keeps all that the server sends."""

    def __init__(self, url: str, query: str = "") -> None:
        super().__init__(url, query)
        self.heard: list[bytes] = []

    def _take(self, data: bytes) -> None:
        self.heard.append(data)
        super()._take(data)


@dataclass
class Heard:
    """All words that a visitor was sent: of the page, in frames and in tables."""

    messages: list[bytes]

    @cached_property
    def words(self) -> str:
        return "\n".join(words for data in self.messages for words in words_of(data))

    @cached_property
    def table(self) -> list[str]:
        """The names in the last table of runs."""
        names: list[str] = []
        for data in self.messages:
            element = parsed(data).delta.new_element
            if element.WhichOneof("type") == "dataframe":
                frame = convert_arrow_bytes_to_pandas_df(element.dataframe.arrow_data.data)
                names = list(frame["name"])
        return names


def parsed(data: bytes) -> ForwardMsg:
    message = ForwardMsg()
    message.ParseFromString(data)
    return message


def words_of(data: bytes) -> Iterator[str]:
    message = parsed(data)
    yield MessageToJson(message, ensure_ascii=False)
    element = message.delta.new_element
    if element.WhichOneof("type") == "bidi_component" and element.bidi_component.bytes:
        yield json.dumps(header(element.bidi_component.bytes), ensure_ascii=False)
    if element.WhichOneof("type") == "dataframe":
        frame = convert_arrow_bytes_to_pandas_df(element.dataframe.arrow_data.data)
        yield frame.to_string()


async def arrive(visitor: Listener) -> None:
    await visitor.open()
    await visitor.wait_for(lambda it: it.frames and it.run_id)


async def learn(visitor: Listener, text: str) -> None:
    """Begin a run on the visitor's own text."""
    await visitor.press("Learn this text", pasted=text)
    await visitor.wait_for(lambda it: "text=own" in it.query)


async def train(visitor: Listener, iterations: int = 150) -> None:
    """Train for a while, then pause; the run is in the store then."""
    goal = visitor.iteration + iterations
    await visitor.press("Train")
    await visitor.wait_for(lambda it: it.iteration >= goal and "Pause" in it.buttons)
    await visitor.press("Pause")
    await visitor.wait_for(lambda it: "Train" in it.buttons)


async def look_at_runs(visitor: Listener) -> Heard:
    """What the Compare page shows."""
    visitor.heard.clear()
    await visitor.go("Compare")
    return Heard(list(visitor.heard))


@contextmanager
def served(**environment: str) -> Iterator[str]:
    """The address of a server that was started with these variables, which hold for it alone."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            url, _ = stack.enter_context(serving())
        yield url


@pytest.fixture(scope="module")
def shared_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that other computers can reach."""
    with served(
        RNN_RUNS=str(tmp_path_factory.mktemp("shared")),
        STREAMLIT_SERVER_ADDRESS="0.0.0.0",
        # Otherwise Streamlit asks the world for this computer's address, to print it.
        STREAMLIT_BROWSER_SERVER_ADDRESS="localhost",
    ) as url:
        yield url


@pytest.fixture(scope="module")
def own_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server as it is started for oneself."""
    with served(RNN_RUNS=str(tmp_path_factory.mktemp("own"))) as url:
        yield url


def test_each_sees_only_what_is_theirs(shared_url: str) -> None:
    """Text, vocabulary, samples, settings, run and complaints, while all train at once."""
    play(_each_sees_only_what_is_theirs(shared_url))


async def _each_sees_only_what_is_theirs(url: str) -> None:
    texts = (GREEK, RUSSIAN, HEBREW)
    sizes = (21, 22, 23)
    there = [Listener(url, f"hidden_size={size}") for size in sizes]
    for visitor, text in zip(there, texts, strict=True):
        await arrive(visitor)
        await learn(visitor, text)
    await asyncio.gather(*(train(visitor) for visitor in there))
    # Something goes wrong for the first one only.
    await there[0].press("Learn this text", pasted="")
    await there[0].wait_for(lambda it: it.sentences)
    for visitor in there[1:]:
        await train(visitor, 20)
        assert visitor.sentences == []
    complaint = there[0].sentences[0]

    heard = [Heard(visitor.heard) for visitor in there]
    ids = [visitor.run_id for visitor in there]
    assert len(set(ids)) == 3
    for place, own in enumerate(heard):
        assert letters(texts[place]) <= set(own.words)
        assert ids[place] in own.words
        assert f"hidden_size={sizes[place]}" in there[place].query
        assert (complaint in own.words) == (place == 0)
        for other in range(3):
            if other != place:
                assert not letters(texts[other]) & set(own.words)
                assert ids[other] not in own.words
                assert f"hidden_size={sizes[other]}" not in own.words
        assert there[place].exceptions == []
        await there[place].close()


def test_a_visitor_s_list_holds_only_their_own_runs(shared_url: str) -> None:
    play(_a_visitor_s_list_holds_only_their_own_runs(shared_url))


async def _a_visitor_s_list_holds_only_their_own_runs(url: str) -> None:
    one, other = Listener(url), Listener(url)
    for visitor, text in ((one, GREEK), (other, RUSSIAN)):
        await arrive(visitor)
        await learn(visitor, text)
        await train(visitor)
    lists = [await look_at_runs(one), await look_at_runs(other)]
    assert [len(seen.table) for seen in lists] == [1, 1]
    assert lists[0].table != lists[1].table
    assert one.run_id not in lists[1].words
    assert other.run_id not in lists[0].words

    # A page that is loaded anew is the same browser's; another browser's is not.
    anew, stranger = Listener(url), Listener(url)
    anew.cookie = one.cookie
    assert one.cookie != other.cookie
    await arrive(anew)
    await arrive(stranger)
    assert (await look_at_runs(anew)).table == lists[0].table
    assert (await look_at_runs(stranger)).table == []

    # The link is the only way to another's run, and then it is listed too.
    await stranger.close()
    guest = Listener(url, f"run={other.run_id}")
    guest.cookie = stranger.cookie
    await arrive(guest)
    assert guest.run_id == other.run_id
    assert letters(RUSSIAN) <= set(Heard(guest.heard).words)
    assert (await look_at_runs(guest)).table == lists[1].table

    # A link that is off by one letter leads to a new run, without a word.
    wrong = f"{other.run_id[:-1]}{'A' if other.run_id[-1] != 'A' else 'B'}"
    lost = Listener(url, f"run={wrong}")
    await arrive(lost)
    assert lost.run_id not in (wrong, other.run_id)
    assert lost.sentences == []
    assert (await look_at_runs(lost)).table == []
    for visitor in (one, other, anew, guest, lost):
        assert visitor.exceptions == []
        await visitor.close()


def test_without_cookies_a_page_sees_its_own_runs(shared_url: str) -> None:
    async def visit(doors: AsyncExitStack) -> Listener:
        visitor = Listener(shared_url)
        visitor.cookie = "none=1"
        doors.push_async_callback(visitor.close)
        await arrive(visitor)
        await train(visitor)
        return visitor

    async def lists() -> list[list[str]]:
        async with AsyncExitStack() as doors:
            there = [await visit(doors) for _ in range(2)]
            return [(await look_at_runs(visitor)).table for visitor in there]

    one, other = play(lists())
    assert (len(one), len(other)) == (1, 1)
    assert one != other


def test_at_one_s_own_computer_every_run_is_listed(own_url: str) -> None:
    async def visit() -> list[list[str]]:
        async with AsyncExitStack() as doors:
            there = []
            for text in (GREEK, RUSSIAN):
                visitor = Listener(own_url)
                doors.push_async_callback(visitor.close)
                await arrive(visitor)
                await learn(visitor, text)
                await train(visitor)
                there.append(visitor)
            return [(await look_at_runs(visitor)).table for visitor in there]

    names, same = play(visit())
    assert len(names) == 2
    assert names == same


# -- what may be done with the runs of others -------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A shared server's store, with a deleted run and a grid of somebody else's in it."""
    own = Store(tmp_path / "runs")
    pool = Pool(own)
    monkeypatch.setattr(runs_module, "_stores", [own])
    monkeypatch.setattr(pool_module, "_pools", [pool])
    monkeypatch.setattr(pool, "train", lambda run_ids, goal: None)
    monkeypatch.setattr(visitors, "_MET", Met())
    monkeypatch.setattr(visitors, "shared", lambda: True)
    trained(own, "theirs")
    own.delete(trained(own, "theirs, deleted"))
    pool.begin(TEXT, Source("own", "Fox"), grid(SMALL, {"hidden_size": [5, 6]}, [0]), 10)
    yield own
    pool.close()


def compare() -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    app.switch_page("pages/compare.py").run()
    assert not app.exception
    return app


def labels(elements: Any) -> list[str]:
    return [element.label for element in elements]


def test_who_has_begun_nothing_can_do_nothing_to_the_runs_of_others(store: Store) -> None:
    app = compare()
    assert len(store.runs(include_deleted=True)) == 4
    assert not app.dataframe
    assert "Deleted runs" not in labels(app.selectbox)
    assert "Pause all" not in labels(app.button)
    for label in ("Open", "Pin", "Delete"):
        assert next(button for button in app.button if button.label == label).disabled


def test_what_one_has_begun_can_be_deleted_and_brought_back(store: Store) -> None:
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    press(app, "Step")
    run_of(app).settle()
    press(app, "New seed")
    app.switch_page("pages/compare.py").run()
    app.run()
    (name,) = app.dataframe[0].value["name"]
    press(app, "Delete")
    assert not app.dataframe
    deleted = next(box for box in app.selectbox if box.label == "Deleted runs")
    assert deleted.options == [name]
    press(app, "Bring it back")
    app.run()
    assert list(app.dataframe[0].value["name"]) == [name]
    gone = [run.name for run in store.runs(include_deleted=True) if run.deleted is not None]
    assert gone == ["theirs, deleted"]


def test_forks_and_grids_belong_to_who_has_begun_them(store: Store) -> None:
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    press(app, "Step")
    run_of(app).settle()
    app.switch_page("pages/compare.py").run()
    app.session_state["compare_part"] = "Fork"
    app.run()
    press(app, "Fork, and open it on the Train page")
    parent = store.run(query(app, "run")).parent
    app.switch_page("pages/compare.py").run()
    app.session_state["grid_values_hidden_size"] = "5, 6"
    app.session_state["grid_values_learning_rate"] = "0.1"
    app.run()
    press(app, "Start 2 runs")
    app.run()
    assert not app.exception
    names = list(app.dataframe[0].value["name"])
    assert len(names) == 4
    assert sum(name.startswith("Grid 2") for name in names) == 2
    assert store.run(parent or "").name in names
    assert "Grid" not in labels(app.selectbox)  # there is no choice of grids: one is theirs


def test_what_one_imports_is_one_s_own(store: Store) -> None:
    file = io.BytesIO()
    export_run(store, store.find("theirs").id, file)
    app = compare()
    uploader = next(box for box in app.file_uploader if "saved to a file" in box.label)
    uploader.set_value(("theirs.rnnrun", file.getvalue(), "")).run()
    assert not app.exception
    assert list(app.dataframe[0].value["name"]) == ["theirs 2"]


def test_a_run_of_a_grid_that_was_opened_by_link_brings_no_other_of_it(store: Store) -> None:
    linked = next(run for run in store.runs() if run.name.startswith("Grid 1"))
    app = AppTest.from_file(ENTRY, default_timeout=60)
    app.query_params["run"] = linked.id
    app.run()
    assert run_of(app).run_id == linked.id
    app.switch_page("pages/compare.py").run()
    assert list(app.dataframe[0].value["name"]) == [linked.name]
    assert labels(app.button).count("Stop") == 1


# -- the rule ---------------------------------------------------------------------------------------

LOCAL = {"Host": "localhost:8501"}


@pytest.mark.parametrize(
    ("address", "headers", "shared"),
    [
        ("localhost", LOCAL, False),
        ("127.0.0.1", {"Host": "127.0.0.1:8501"}, False),
        ("::1", {"Host": "[::1]:8501"}, False),
        ("localhost", {}, False),
        (None, LOCAL, True),
        ("", LOCAL, True),
        ("0.0.0.0", LOCAL, True),
        ("::", LOCAL, True),
        ("192.168.1.20", {"Host": "192.168.1.20:8501"}, True),
        ("laptop.local", LOCAL, True),
        ("unix:///run/rnn.sock", LOCAL, True),
        ("localhost", {"Host": "rnn.example.org"}, True),
        ("localhost", {"Host": "localhost.example.org:8501"}, True),
        ("localhost", {"Host": ""}, True),
        ("localhost", {**LOCAL, "X-Forwarded-For": "192.168.1.7"}, True),
    ],
)
def test_when_a_server_counts_as_shared(
    address: str | None, headers: dict[str, str], shared: bool
) -> None:
    assert is_shared(address, headers) is shared


def test_of_too_many_browsers_and_runs_the_ones_met_longest_ago_are_forgotten() -> None:
    met = Met(most_browsers=2, most_runs=2)
    for run_id in ("1", "2", "1", "3"):
        met.add("a", run_id)
    assert met.of("a") == {"1", "3"}
    met.add("b", "4")
    met.add("a", "3")
    met.add("c", "5")
    assert (met.of("a"), met.of("b"), met.of("c")) == ({"1", "3"}, set(), {"5"})


def test_browsers_may_come_all_at_once() -> None:
    met = Met(most_browsers=3)

    def come(name: str) -> None:
        for number in range(300):
            met.add(f"{name}{number % 4}", str(number))
            met.of(f"{name}{number % 3}")

    threads = [threading.Thread(target=come, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(bool(met.of(f"{name}{number}")) for name in "abcd" for number in range(4)) == 3


# -- pages that are gone ----------------------------------------------------------------------------


class Door:
    """Pages that come and go by a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.open: set[str] = set()
        self.closed: list[str] = []
        self.pages = Pages(self.open.__contains__, self.closed.append, lambda: self.now)

    def come(self, *names: str) -> None:
        for name in names:
            self.open.add(name)
            self.pages.note(name)

    def after(self, seconds: float) -> list[str]:
        self.now += seconds
        self.pages.tidy(100.0)
        return self.closed


def test_a_page_that_has_been_gone_for_long_is_closed_once() -> None:
    door = Door()
    door.come("a", "b")
    assert door.after(500.0) == []
    door.open.remove("a")
    assert door.after(99.0) == []
    assert door.after(1.0) == ["a"]
    assert door.after(500.0) == ["a"]


def test_a_page_that_comes_back_in_time_stays() -> None:
    door = Door()
    door.come("a")
    door.open.remove("a")
    door.after(99.0)
    door.come("a")
    assert door.after(99.0) == []
    door.open.remove("a")
    assert door.after(99.0) == []
    assert door.after(1.0) == ["a"]


def test_what_closed_pages_held_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[float] = []
    door = Door()
    monkeypatch.setattr(visitors, "_collect", lambda: collected.append(door.now))
    door.come("a")
    door.open.clear()
    for _ in range(4):
        door.after(60.0)
    assert door.closed == ["a"]
    assert collected == [
        180.0
    ]  # in the round after: Streamlit closes a page at its next opportunity
