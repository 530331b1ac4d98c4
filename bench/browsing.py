"""What stands in for a browser where many are needed: it speaks Streamlit's WebSocket, and paints nothing.

A `LightVisitor` opens the dashboard as a browser's page does, asks for a beat at every tick of the
timers that the server sets, types, presses buttons and changes pages. It reads the frames, but draws no
chart, so that eight of them weigh little on the machine that they share with the server.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE = 60.0  # seconds; for a slow machine, not a measure
_ITERATION = re.compile(r"iteration ([\d,]+)")
_LARGEST = 200_000_000  # bytes of one message
_KEPT = 100_000  # frames


@dataclass(frozen=True)
class Seen:
    """A frame: when it came (seconds of the monotonic clock), and the iteration that it speaks of."""

    at: float
    iteration: int


def header(frame: bytes) -> dict[str, object]:
    """The JSON header of a frame, as `ui.frames.encode` writes it."""
    length = int.from_bytes(frame[:4], "little")
    decoded: dict[str, object] = json.loads(frame[4 : 4 + length])
    return decoded


class LightVisitor:
    """One open page of the dashboard, without a browser around it."""

    def __init__(self, url: str, query: str = "") -> None:
        """Prepare a visit to the dashboard at ``url``; `open` begins it."""
        self.query = query
        self.cookie = ""
        self.frames: deque[Seen] = deque(maxlen=_KEPT)
        self.bytes = 0
        self.buttons: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.sentences: list[str] = []
        self.exceptions: list[str] = []
        self.session = ""
        self.page = ""
        """The title of the page that stands; "" while it is put together."""
        self._url = url
        self._hash = ""
        self._begun = ""
        self._pages: dict[str, str] = {}
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    # -- coming and going --------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, as the same visitor if there was a visit before, and ask for the page."""
        self._news = asyncio.Event()
        self.cookie = self.cookie or await asyncio.to_thread(_cookie, self._url)
        again = ["none", self.session] if self.session else []
        self._socket = await connect(
            f"ws{self._url.removeprefix('http')}/_stcore/stream",
            subprotocols=[Subprotocol(protocol) for protocol in ("streamlit", *again)],
            additional_headers={"Cookie": self.cookie},
            max_size=_LARGEST,
            compression=None,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        await self._ask()

    async def close(self) -> None:
        """Leave without a word, as a tab that is closed."""
        self._stop_timers()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._reader is not None and not self._reader.done()

    # -- what a person sees and does ---------------------------------------------------------------

    @property
    def iteration(self) -> int:
        """The iteration that the newest frame speaks of; -1 before the first."""
        return self.frames[-1].iteration if self.frames else -1

    @property
    def run_id(self) -> str:
        """The id of the run that the address names; "" if it names none yet."""
        found = re.search(r"(?:^|&)run=([^&]+)", self.query)
        return found.group(1) if found else ""

    async def press(self, label: str, **typed: str) -> None:
        """Click on a button, after typing into fields by their keys; all of them are waited for."""
        await self.wait_for(lambda it: label in it.buttons and typed.keys() <= it.fields.keys())
        pressed = WidgetStates()
        pressed.widgets.add(id=self.buttons[label], trigger_value=True)
        for key, words in typed.items():
            pressed.widgets.add(id=self.fields[key], string_value=words)
        await self._ask(pressed)

    async def go(self, title: str) -> None:
        """Change to another page, and wait until it stands. Raises KeyError if there is none."""
        self._hash, self.page = self._pages[title], ""
        await self._ask()
        await self.wait_for(lambda it: it.page == title)

    async def wait_for(
        self, what: Callable[[LightVisitor], object], patience: float = PATIENCE
    ) -> None:
        """Wait until ``what`` holds. Raises TimeoutError, or ConnectionError if the server is gone."""
        async with asyncio.timeout(patience):
            while not what(self):
                if not self.is_open:
                    raise ConnectionError("the connection to the server has ended")
                self._news.clear()
                await self._news.wait()

    # -- the protocol ------------------------------------------------------------------------------

    async def _ask(self, changed: WidgetStates | None = None, fragment: str = "") -> None:
        """Ask for a run of the page, or of one fragment of it."""
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = self.query
        asked.page_script_hash = self._hash
        asked.context_info.color_scheme = "light"
        asked.context_info.timezone = "UTC"
        if fragment:
            asked.fragment_id, asked.is_auto_rerun = fragment, True
        if changed is not None:
            asked.widget_states.CopyFrom(changed)
        assert self._socket is not None
        with suppress(ConnectionClosed):
            await self._socket.send(message.SerializeToString())

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for data in socket:
                assert isinstance(data, bytes)
                self._take(data)
        self._stop_timers()
        self._news.set()

    def _take(self, data: bytes) -> None:
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._take_element(message, len(data))
        elif kind == "new_session":
            self._begin(message)
        elif kind in ("auto_rerun", "stop_auto_rerun"):
            self._take_timers(message)
        elif kind == "navigation":
            pages = message.navigation.app_pages
            self._pages = {page.page_name: page.page_script_hash for page in pages}
            # A browser asks on for the page that it was led to, which a first visit does not name.
            self._hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "script_finished":
            self._finish(message)
        self._news.set()

    def _begin(self, message: ForwardMsg) -> None:
        self._hash = message.new_session.page_script_hash
        self.session = message.new_session.initialize.session_id
        if not message.metadata.run.fragment_ids:
            self._stop_timers()
            self.page, self._begun = "", self._hash
            self.buttons.clear()
            self.fields.clear()
            self.sentences.clear()

    def _finish(self, message: ForwardMsg) -> None:
        # A beat of the timer is no run of the page, nor is one that was ended for another.
        if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            titles = {known: title for title, known in self._pages.items()}
            self.page = titles.get(self._begun, "")

    def _take_element(self, message: ForwardMsg, size: int) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind in ("text_area", "text_input"):
            identity = getattr(element, kind).id
            self.fields[identity.rpartition("-")[2]] = identity
        elif kind == "alert":
            self.sentences.append(element.alert.body)
        elif kind == "exception":
            self.exceptions.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "bidi_component" and element.bidi_component.bytes:
            self._take_frame(element.bidi_component.bytes, size)

    def _take_frame(self, frame: bytes, size: int) -> None:
        self.bytes += size
        panels = header(frame)["panels"]
        assert isinstance(panels, dict)
        found = _ITERATION.match(str(panels.get("status", {}).get("line", "")))
        iteration = int(found.group(1).replace(",", "")) if found else self.iteration
        self.frames.append(Seen(time.monotonic(), iteration))

    # -- the timers that a browser keeps for fragments ---------------------------------------------

    def _take_timers(self, message: ForwardMsg) -> None:
        if message.HasField("auto_rerun"):
            self._set_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        for fragment in message.stop_auto_rerun.fragment_ids:
            self._stop_timer(fragment)

    def _set_timer(self, fragment: str, seconds: float) -> None:
        before = self._timers.get(fragment)
        if before is not None and before[0] == seconds:
            return
        self._stop_timer(fragment)
        self._timers[fragment] = (seconds, asyncio.create_task(self._beat(fragment, seconds)))

    async def _beat(self, fragment: str, seconds: float) -> None:
        due = time.monotonic()
        while True:
            # As setInterval does: evenly spaced, and what is missed is not made up for.
            due = max(due + seconds, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            await self._ask(fragment=fragment)

    def _stop_timer(self, fragment: str) -> None:
        timer = self._timers.pop(fragment, None)
        if timer is not None:
            timer[1].cancel()

    def _stop_timers(self) -> None:
        for fragment in list(self._timers):
            self._stop_timer(fragment)


def _cookie(url: str) -> str:
    """The cookies that the server gives to a browser which comes for the first time."""
    with urllib.request.urlopen(f"{url}/_stcore/health", timeout=PATIENCE) as answer:
        given = answer.headers.get_all("Set-Cookie", [])
    return "; ".join(cookie.partition(";")[0] for cookie in given)


@asynccontextmanager
async def visiting(url: str, query: str = "") -> AsyncIterator[LightVisitor]:
    """A visitor whose first frame has come."""
    visitor = LightVisitor(url, query)
    await visitor.open()
    try:
        await visitor.wait_for(lambda it: it.frames and it.run_id)
        yield visitor
    finally:
        await visitor.close()
