"""What the visitors of `bench/soak.py` do: every action takes a tab and its own random numbers.

An action says in a few words what it did. A control that is not there at the moment, since there is no
run to fork yet or an analysis is over already, is passed by; one that is there and gives no answer
raises Playwright's error after `PATIENCE`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import partial
from random import Random

from playwright.sync_api import FilePayload

from bench.live import HIDE
from bench.soak_tabs import Tab, any_of, appeared, choose, closed, filled, opened, picked, pressed
from rnn.presets import PRESETS
from rnn.settings import SETTINGS, Setting
from tests.nasty import NASTY

PAGES = ("Train", "Sample", "Memory", "Gradients and weights", "Data", "Compare")
TYPED = (*(text.replace("\ud800", "?") for text in NASTY), "", "Who killed", "the ", "ab" * 300)
FILES = (
    b"",
    b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    b"PK\x03\x04" + bytes(60),
    "grüße aus köln, ".encode("latin-1") * 30,
    "\ufeffein Text mit Zeilen\r\n".encode("utf-16") * 30,
    ("\n".join(TYPED) * 2).encode(),
)
ADDRESSES = (
    "",
    "?autoplay=1",
    "?text=hello&hidden_size=33&learning_rate=0.07",
    "memory?text=brackets&autoplay=1",
    "data?text=counting",
    "compare",
    "?learning_rate=lots&hidden_size=nan",
    "?run=nobody&text=<b>nothing</b>",
    "?text=counting&optimiser=sgd&learning_rate=100&clip=0&autoplay=1",
)
FIELDS = (
    ("Sample", "surprise_text", "textarea"),
    ("Sample", "writing_length", "input"),
    ("Memory", "memory_start", "input"),
    ("Data", "data_search", "input"),
    ("Compare", "compare_find", "input"),
    ("Compare", "grid_values_learning_rate", "input"),
)
NUMBERS: dict[str, tuple[float, ...]] = {
    "hidden_size": (1, 7, 40, 100, 200),
    "init_scale": (0, 0.01, 0.3),
    "streams": (1, 2, 8),
    "held_out": (0, 0.1, 0.5),
    "clip": (0, 1, 5, 1000),
    "temperature": (0, 0.5, 1, 5),
    "top_k": (0, 1, 5, 10_000),
}
"""What is tried of the settings that have a field for a number; of others, anything in their range."""

ROW_HEIGHT = 35  # pixels of a row of the table of runs


# The row of buttons


def train(tab: Tab, chance: Random) -> str:
    """Train for a while."""
    began = tab.press("Train")
    tab.wait(chance, 4)
    return "" if began else "it trains already"


def pause(tab: Tab, chance: Random) -> str:
    """Pause, which shows at once."""
    if not tab.press("Pause", ".st-key-transport"):
        return "it is at rest"
    tab.button("Train").wait_for()
    return ""


def step(tab: Tab, chance: Random) -> str:
    """A few single steps."""
    times = chance.randint(1, 3)
    for _ in range(times):
        tab.press("Step")
    return f"{times} times"


def reset(tab: Tab, chance: Random) -> str:
    """Begin anew, from the same weights or others."""
    name = chance.choice(("Reset", "New seed"))
    tab.press(name)
    return name


def keys(tab: Tab, chance: Random) -> str:
    """The keys that stand for the buttons, in quick succession."""
    struck = "".join(chance.choices("tsznttt", k=chance.randint(2, 6)))
    tab.page.locator(".rnn-status-line").click()
    for key in struck:
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(chance.choice((20, 200)))
    return struck


def run_to(tab: Tab, chance: Random) -> str:
    """Train until an iteration, or a loss."""
    go = tab.page.get_by_role("button", name="Go", exact=True)
    opened(tab, "Run to…", go)
    if chance.random() < 0.5:
        field, goal = "iteration", str(chance.choice((1, 300, 2000)))
    else:
        field, goal = "bits", str(chance.choice((0, 2.5, 4)))
    wanted = "iteration" if field == "iteration" else "smooth loss"
    tab.keyed("target_kind").get_by_text(wanted, exact=True).click()
    filled(tab.keyed(f"target_{field}", "input"), goal)
    pressed(go)
    closed(tab)
    return f"{field} {goal}"


def look_on(tab: Tab, chance: Random) -> str:
    """Do nothing for a while."""
    tab.wait(chance, 8)
    return ""


# Settings and texts


def live_setting(tab: Tab, chance: Random) -> str:
    """Change a setting that takes effect at once."""
    setting = chance.choice([setting for setting in SETTINGS if setting.live])
    return _set(tab, chance, setting)


def structural_setting(tab: Tab, chance: Random) -> str:
    """Change what waits for a reset, and mostly reset."""
    setting = chance.choice([setting for setting in SETTINGS if not setting.live])
    value = _set(tab, chance, setting)
    if chance.random() < 0.2:
        return f"{value}, left waiting"
    tab.press("Reset")
    return value


def _set(tab: Tab, chance: Random, setting: Setting) -> str:
    _unfold(tab, setting.group)
    place = tab.keyed(f"setting_{setting.name}")
    slider = place.get_by_role("slider")
    if setting.kind is str:
        value = choose(tab, f"setting_{setting.name}", partial(any_of, chance=chance))
    elif slider.count():
        value = chance.choice(("ArrowLeft", "ArrowRight", "ArrowRight", "PageUp", "Home"))
        slider.focus()
        for _ in range(chance.randint(1, 4)):
            slider.press(value)
    else:
        number = chance.choice(NUMBERS.get(setting.name) or (setting.low, chance.randrange(1000)))
        value = filled(place.locator("input"), f"{number:g}")
    return f"{setting.name}: {value}"


def _unfold(tab: Tab, group: str) -> None:
    """Open a group of the sidebar."""
    folds = tab.page.get_by_test_id("stSidebar").get_by_test_id("stExpander").locator("details")
    fold = folds.filter(has=tab.page.locator("summary", has_text=group)).first
    if not fold.evaluate("fold => fold.open"):
        fold.locator("summary").click()


def preset(tab: Tab, chance: Random) -> str:
    """Another text."""
    return choose_preset(tab, chance.choice(PRESETS).title)


def choose_preset(tab: Tab, title: str) -> str:
    """Choose the text of this title."""
    return choose(tab, "preset", lambda options: options.filter(has_text=title).first)


def own_text(tab: Tab, chance: Random) -> str:
    """Paste a text of one's own, or upload a file."""
    paste = tab.keyed("pasted", "textarea")
    opened(tab, "Your own text", paste)
    # The browser's driver holds on to a field that it gave a file, so the tab that is measured gets none.
    if chance.random() < 0.3 and tab is not tab.house.resident:
        number = chance.randrange(len(FILES))
        file = FilePayload(name="<b>mine</b>.txt", mimeType="text/plain", buffer=FILES[number])
        tab.page.locator("[class*=st-key-upload_] input[type=file]").set_input_files(file)
        did = f"file {number}"
    else:
        letters = "".join(chance.sample(string.printable + "äéΩ漢🙂", chance.randint(1, 60)))
        random = "".join(chance.choices(letters, k=chance.choice((3, 200, 5000))))
        did = filled(paste, chance.choice((*TYPED, random, random)), "Control+Enter")
        pressed(tab.button("Learn this text"))
    tab.wait(chance, 1)
    closed(tab)
    return did


# Pages


def turn_page(tab: Tab, chance: Random) -> str:
    """Another page."""
    name = chance.choice(PAGES)
    tab.turn_to(name)
    return name


def leaf_through(tab: Tab, chance: Random) -> str:
    """Several pages, as fast as one can click."""
    names = chance.choices(PAGES, k=4)
    for name in names:
        tab.page.get_by_role("link", name=name, exact=True).first.click()
    tab.turn_to(names[-1])
    return ", ".join(names)


def zoom(tab: Tab, chance: Random) -> str:
    """Zoom into a chart with the mouse, wait, and mostly zoom out."""
    plot = any_of(tab.page.locator(".js-plotly-plot .nsewdrag:visible"), chance)
    if not plot.count():
        return "no chart to zoom"
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    if box is None:
        return "it was gone"
    left, right = sorted(chance.uniform(0.1, 0.9) for _ in range(2))
    across, top = box["x"], box["y"] + box["height"] / 2
    tab.page.mouse.move(across + left * box["width"], top)
    tab.page.mouse.down()
    tab.page.mouse.move(across + right * box["width"], top, steps=4)
    tab.page.mouse.up()
    tab.wait(chance, 1)
    if chance.random() < 0.8:
        tab.page.mouse.dblclick(across + box["width"] / 2, top)
    return ""


@dataclass(frozen=True)
class Analysis:
    """An analysis that a page offers: its key, the words of its button, and the part of the page."""

    page: str
    key: str
    label: str
    part: str = ""


ANALYSES = (
    Analysis("Sample", "generate", "Generate"),
    Analysis("Sample", "temperatures", "Write all four"),
    Analysis("Sample", "surprise", "Measure the surprise"),
    Analysis("Memory", "finder", "Find units"),
    Analysis("Memory", "silencing", "Silence them"),
    Analysis("Memory", "recall", "Measure its memory"),
    Analysis("Gradients and weights", "gradient_check", "Check the gradients", "Gradient check"),
    Analysis("Compare", "replay", "Load the film", "Replay"),
)


def analyse(tab: Tab, chance: Random) -> str:
    """Start an analysis, and leave it alone, wait for it or cancel it."""
    analysis = chance.choice(ANALYSES)
    tab.turn_to(analysis.page)
    if analysis.page == "Compare" and not _compare(tab):
        return f"{analysis.label}: no runs yet"
    if analysis.part:
        _look_closer(tab, analysis.part)
    if analysis.page != "Compare":
        tab.button(analysis.label).wait_for()
    began = tab.press(analysis.label)
    tab.wait(chance, 2)
    if chance.random() < 0.4:
        ended = pressed(tab.keyed(f"{analysis.key}_cancel", "button"))
        return f"{analysis.label}, {'cancelled' if ended else 'too late to cancel'}"
    return analysis.label if began else f"{analysis.label}: at work already"


def _look_closer(tab: Tab, part: str) -> None:
    """Show a part of the page that one chooses."""
    tab.page.get_by_role("radio", name=part, exact=True).click()


def write(tab: Tab, chance: Random) -> str:
    """Have the network write, one character after the other; change what it writes from."""
    tab.turn_to("Sample")
    tab.button("One character").wait_for()
    did = []
    for _ in range(chance.randint(1, 4)):
        name = chance.choice(("One character", "Play", "Stop writing", "Start over", "prime"))
        if name == "prime":
            filled(tab.keyed("writing_prime", "textarea"), chance.choice(TYPED), "Control+Enter")
        else:
            tab.press(name)
        tab.wait(chance, 1)
        did.append(name)
    return ", ".join(did)


def download(tab: Tab, chance: Random) -> str:
    """Save what the network wrote to a file."""
    tab.turn_to("Sample")
    save = tab.button("Download the text")
    save.wait_for()
    if not tab.press("One character") or not save.is_enabled():
        return "nothing written yet"
    with tab.page.expect_download() as saved:
        save.click()
    saved.value.delete()
    return ""


def type_anywhere(tab: Tab, chance: Random) -> str:
    """Type what is not meant for it into a field."""
    page, key, kind = chance.choice(FIELDS)
    tab.turn_to(page)
    field = tab.keyed(key, kind)
    if not appeared(field):
        return f"{key}: not there now"
    text = chance.choice(TYPED)[: int(field.get_attribute("maxlength") or 1000)]
    if field.get_attribute("type") == "number":
        field.press_sequentially(text[:20])
        field.press("Enter")
        return f"{key}: {text[:20]!r}"
    return f"{key}: {filled(field, text, 'Control+Enter' if kind == 'textarea' else 'Enter')}"


def look_at_memory(tab: Tab, chance: Random) -> str:
    """Another passage, and other units."""
    tab.turn_to("Memory")
    origin = picked(tab.keyed("memory_origin"), chance)
    order = picked(tab.keyed("memory_order"), chance)
    tab.press("Later")
    return f"{origin}, {order}"


def look_at_gradients(tab: Tab, chance: Random) -> str:
    """Another group of the Gradients and weights page."""
    tab.turn_to("Gradients and weights")
    return picked(tab.keyed("gradients_group"), chance)


def look_at_data(tab: Tab, chance: Random) -> str:
    """Turn the pages of the text, follow the reader, count pieces."""
    tab.turn_to("Data")
    tab.button("Next").wait_for()
    did = chance.choice(("Next", "Last", "First", "follow", "pieces"))
    if did == "follow":
        tab.keyed("data_follow", "label").click()
    elif did == "pieces":
        did = f"pieces of {picked(tab.keyed('data_n'), chance)}"
    else:
        tab.press(did)
    return did


# Runs


def compare(tab: Tab, chance: Random) -> str:
    """Look at the runs in another way."""
    if not _compare(tab):
        return "no runs yet"
    part = picked(tab.keyed("compare_part"), chance)
    axis = choose(tab, "overlay_axis", partial(any_of, chance=chance))
    return f"{part}, over {axis}"


def pin(tab: Tab, chance: Random) -> str:
    """Pin the chosen runs, or no longer."""
    if not _compare(tab):
        return "no runs yet"
    return "" if pressed(tab.keyed("compare_pin", "button")) else "none is chosen"


def tick(tab: Tab, chance: Random) -> str:
    """Tick or untick a row of the table of runs."""
    if not _compare(tab):
        return "no runs yet"
    row = chance.randrange(4)
    table = tab.page.locator(".st-key-runs [data-testid=stDataFrame]")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    if box is None:
        return "the table was gone"
    tab.page.mouse.click(box["x"] + 16, box["y"] + ROW_HEIGHT * (row + 0.5))
    return f"row {row}, 0 being all"


def rename(tab: Tab, chance: Random) -> str:
    """Give a run another name."""
    if not _hand(tab, chance):
        return "none is chosen"
    field = tab.page.get_by_label("Name", exact=True)
    opened(tab, "Rename, note…", field)
    name = filled(field, f"{chance.choice(TYPED)[:60]} {chance.randrange(1000)}")
    pressed(tab.button("Keep these words"))
    closed(tab)
    return name


def delete(tab: Tab, chance: Random) -> str:
    """Delete the chosen runs, and mostly bring them back."""
    if not _compare(tab) or not tab.press("Delete", ".st-key-run_actions"):
        return "none is chosen"
    tab.page.locator(".st-key-compare_said_box").wait_for()
    return "undone" if chance.random() < 0.7 and tab.press("Undo") else "for now"


def fork(tab: Tab, chance: Random) -> str:
    """Go on from a saved moment of a run."""
    if not _compare(tab):
        return "no runs yet"
    _look_closer(tab, "Fork")
    go_on = tab.button("Fork, and open it")
    go_on.wait_for()
    go_on.click()
    tab.wait(chance, 2)
    return ""


def replay(tab: Tab, chance: Random) -> str:
    """Play the film of a run."""
    if not _compare(tab):
        return "no runs yet"
    _look_closer(tab, "Replay")
    tab.press("Load the film")
    tab.wait(chance, 3)
    played = pressed(tab.keyed("replay_play", "button"))
    tab.wait(chance, 3)
    tab.press("Stop", ".st-key-replay_steering")
    return "" if played else "the film is not there yet"


def open_run(tab: Tab, chance: Random) -> str:
    """Open a chosen run on the Train page."""
    if not _hand(tab, chance):
        return "none is chosen"
    return "" if tab.press("Open", ".st-key-run_actions .stButton") else "none is in hand"


def _compare(tab: Tab) -> bool:
    """Go to the Compare page; whether there are any runs."""
    tab.turn_to("Compare")
    tab.button("Import…").wait_for()
    tab.page.wait_for_timeout(500)
    return tab.keyed("compare_part").is_visible()


def _hand(tab: Tab, chance: Random) -> bool:
    """Take one of the chosen runs in hand, if there are any."""
    if not _compare(tab):
        return False
    if not tab.keyed("compare_pin", "button").is_enabled():
        return False
    choose(tab, "compare_hand", partial(any_of, chance=chance))
    return True


# Guests


def second_tab(tab: Tab, chance: Random) -> str:
    """A second tab on the same run."""
    guest = tab.house.invite(tab.page.url.removeprefix(f"{tab.house.url}/"), beside=tab)
    if chance.random() < 0.5:
        guest.press("Train it from here")
    return guest.name


def visitor(tab: Tab, chance: Random) -> str:
    """Another visitor, at any address."""
    address = chance.choice(ADDRESSES)
    return f"{tab.house.invite(address).name} at {address!r}"


def come_back(tab: Tab, chance: Random) -> str:
    """A guest whose tab was closed comes back by the link."""
    house = tab.house
    if house.guests:
        house.dismiss(chance.choice(house.guests))
        house.resident.wait(chance, 3)
    return house.invite(chance.choice(house.links or [""])).name


def leave(tab: Tab, chance: Random) -> str:
    """A guest closes the tab."""
    if not tab.house.guests:
        return "nobody is there"
    tab.house.dismiss(guest := chance.choice(tab.house.guests))
    return guest.name


def reload(tab: Tab, chance: Random) -> str:
    """A guest loads the page anew, perhaps twice."""
    guest = _a_guest(tab, chance)
    if chance.random() < 0.5:
        guest.page.reload(wait_until="commit")
        tab.wait(chance, 0.5)
    guest.page.reload()
    guest.painted()
    return guest.name


def go_back(tab: Tab, chance: Random) -> str:
    """A guest uses the browser's button for going back."""
    guest = _a_guest(tab, chance)
    here = guest.present_page()
    guest.turn_to(chance.choice([name for name in PAGES if name not in here]))
    guest.page.go_back()
    guest.painted()
    return guest.name


def hide(tab: Tab, chance: Random) -> str:
    """Another tab is looked at for some seconds."""
    tab.page.evaluate(HIDE, True)
    tab.wait(chance, 6)
    tab.page.evaluate(HIDE, False)
    return ""


def _a_guest(tab: Tab, chance: Random) -> Tab:
    house = tab.house
    if not house.guests:
        return house.invite(chance.choice(ADDRESSES))
    guest = chance.choice(house.guests)
    guest.page.bring_to_front()
    return guest
