"""The Sample page through AppTest: what its buttons write, and that no input breaks it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config
from rnn.analysis.surprise import MOST_CHARACTERS
from ui.live import LiveRun
from ui.place import Source
from ui.runs import RUNS
from ui.sheet import Sheet, Written, sheet_of
from ui.views import surprise
from ui.views.sample import downloaded

ENTRY = str(Path(__file__).parents[1] / "dashboard.py")
PATIENCE = 60.0  # seconds; for a slow machine, not a measure
MARKUP = "**bold** $x^2$ <b>a</b> :red[b] `c` [d](e) \\_ 🙂é́\n" * 8


@pytest.fixture(autouse=True)
def _nothing_fails_behind_the_page(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A panel that cannot be filled, or an analysis that fails, says so in the log."""
    yield
    failed = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert not failed


def visit(**address: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    app.switch_page("pages/sample.py").run()
    assert not app.exception
    return app


def visit_run(run: LiveRun) -> AppTest:
    RUNS.add(run)
    return visit(run=run.run_id)


def run_of(app: AppTest) -> LiveRun:
    value = app.query_params["run"]
    run = RUNS.find(value if isinstance(value, str) else value[0])
    assert run is not None
    return run


def sheet(app: AppTest) -> Sheet:
    return sheet_of(run_of(app))


def written(app: AppTest) -> Written:
    text = sheet(app).glance().written
    assert text is not None
    return text


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def finished(app: AppTest, name: str) -> None:
    """Wait for the analysis, and let the page show its result."""
    wait_for(lambda: run_of(app).jobs.under_way(name) is None)
    app.run()
    assert not app.exception


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def warnings(app: AppTest) -> str:
    return " ".join(warning.value for warning in app.warning)


# -- writing ---------------------------------------------------------------------------------------


def test_a_fresh_page_offers_everything_and_has_written_nothing() -> None:
    app = visit()
    for label in ("Train", "Step", "Generate", "One character", "Play", "Start over"):
        assert labels(app).count(label) == 1
    assert sheet(app).glance().written is None
    assert run_of(app).iteration == 0
    assert not app.warning
    assert app.text_area(key="surprise_text").value == run_of(app).text[: surprise.PASSAGE]


def test_generate_writes_what_the_trainer_samples() -> None:
    app = visit(text="counting")
    for _ in range(3):
        press(app, "Step")
    app.text_area(key="writing_prime").set_value("One, two").run()
    app.slider(key="writing_temperature").set_value(0.7).run()
    app.number_input(key="writing_top_k").set_value(5).run()
    app.number_input(key="writing_length").set_value(80).run()
    app.number_input(key="writing_seed").set_value(3).run()
    press(app, "Generate")
    finished(app, "generate")
    trainer = run_of(app).trainer
    expected = trainer.sample(80, temperature=0.7, prime="One, two", seed=3, top_k=5)
    assert written(app).text == expected.text
    assert written(app).whole.startswith("One, two")
    assert downloaded(sheet(app)) == ("One, two" + expected.text).encode()


@pytest.mark.parametrize("button", ["One character", "Play", "Generate", "Measure the surprise"])
def test_what_is_typed_and_clicked_at_once_is_what_counts(button: str) -> None:
    app = visit()
    app.text_area(key="writing_prime").set_value("Who killed")
    app.text_area(key="surprise_text").set_value("All the birds")
    press(app, button)  # the button was drawn before this was typed
    finished(app, "generate")
    finished(app, "surprise")
    assert "other choices" not in " ".join(caption.value for caption in app.caption)
    if button == "Measure the surprise":
        done = run_of(app).jobs.done("surprise")
        assert done is not None
        assert done.result.text == "All the birds"
    else:
        assert written(app).whole.startswith("Who killed")


def test_what_was_asked_of_another_run_is_not_begun() -> None:
    app = visit()
    app.session_state["asked_for_generate"] = run_of(app).serial
    press(app, "Reset")
    assert run_of(app).jobs.under_way("generate") is None
    assert run_of(app).jobs.done("generate") is None
    assert "asked_for_generate" not in app.session_state


def test_one_character_after_the_other_writes_the_same() -> None:
    app = visit()
    for expected in (1, 2, 3):
        press(app, "One character")
        assert len(written(app).text) == expected
    assert written(app).text == run_of(app).trainer.sample(3, 1.0, seed=0, top_k=0).text
    assert not run_of(app).playing
    assert run_of(app).iteration == 0


def test_play_becomes_stop_and_back_and_training_is_not_touched() -> None:
    app = visit()
    press(app, "Play")
    assert sheet(app).playing
    assert "Play" not in labels(app)
    assert "Train" in labels(app)
    press(app, "Stop writing")
    assert not sheet(app).playing
    assert "Stop writing" not in labels(app)
    assert len(written(app).text) == 1


def test_starting_over_empties_the_sheet_and_takes_the_network_of_now() -> None:
    app = visit()
    press(app, "Generate")
    finished(app, "generate")
    assert written(app).iteration == 0
    press(app, "Start over")
    assert sheet(app).glance().written is None
    press(app, "Step")
    assert sheet(app).glance().written is None
    press(app, "One character")
    assert written(app).iteration == 1
    assert len(written(app).text) == 1


def test_a_text_at_rest_is_compared_with_the_training_text() -> None:
    app = visit(text="cycle")
    app.slider(key="writing_temperature").set_value(0.0).run()
    press(app, "Step")
    press(app, "Generate")
    finished(app, "generate")
    finished(app, "compare")
    found = written(app).found
    assert found is not None
    assert found.length == 400


@pytest.mark.parametrize("prime", ["the 🙂 <b>", "Ω", "*_`$", "t" * 100_000])
def test_a_prime_that_cannot_be_read_is_one_sentence_and_loses_nothing(prime: str) -> None:
    app = visit()
    press(app, "One character")
    before = written(app).text
    app.text_area(key="writing_prime").set_value(prime).run()
    press(app, "Generate")
    finished(app, "generate")
    assert len(app.warning) == 1
    assert written(app).text == before
    assert app.text_area(key="writing_prime").value == prime
    press(app, "Start over")
    press(app, "One character")
    assert len(app.warning) == 1
    assert "characters" in warnings(app)


def test_an_unknown_character_is_named() -> None:
    app = visit()
    app.text_area(key="writing_prime").set_value("Who Ω").run()
    press(app, "One character")
    assert "does not know the character Ω" in warnings(app)


def test_settings_and_the_sheet_outlive_a_change_of_page_and_a_reload() -> None:
    app = visit()
    app.slider(key="writing_temperature").set_value(0.4).run()
    press(app, "One character")
    before = written(app).text
    app.switch_page("pages/train.py").run()
    press(app, "Step")
    app.switch_page("pages/sample.py").run()
    assert app.slider(key="writing_temperature").value == 0.4
    assert written(app).text == before
    assert written(visit(run=run_of(app).run_id)).text == before


def test_a_reset_empties_the_sheet() -> None:
    app = visit()
    press(app, "One character")
    press(app, "Reset")
    assert sheet(app).glance().written is None


# -- side by side ----------------------------------------------------------------------------------


def test_four_temperatures_use_the_same_random_numbers() -> None:
    app = visit(text="counting")
    app.number_input(key="writing_length").set_value(60).run()
    app.number_input(key="temperature_3").set_value(2.0).run()
    press(app, "Write all four")
    finished(app, "temperatures")
    done = run_of(app).jobs.done("temperatures")
    assert done is not None
    for temperature, text in zip((0.3, 0.7, 1.0, 2.0), done.result, strict=True):
        assert text.text == run_of(app).trainer.sample(60, temperature, seed=0, top_k=0).text


# -- surprise --------------------------------------------------------------------------------------


def measured(app: AppTest, text: str) -> surprise.Surprise:
    app.text_area(key="surprise_text").set_value(text).run()
    press(app, "Measure the surprise")
    finished(app, "surprise")
    assert not app.warning
    done = run_of(app).jobs.done("surprise")
    assert done is not None
    assert isinstance(done.result, surprise.Surprise)
    return done.result


def test_any_text_can_be_measured() -> None:
    app = visit()
    found = measured(app, "Who killed <b>🙂</b> Robin?")
    assert found.unknown == ("/", "<", ">", "🙂")
    assert found.scored == 19
    assert found.mean == pytest.approx(np.log2(37), rel=0.05)


@pytest.mark.parametrize("text", ["", "W", "🙂🙂", MARKUP])
def test_texts_without_much_to_predict_are_no_error(text: str) -> None:
    app = visit()
    assert measured(app, text).text == text
    shown = [element.value for element in [*app.markdown, *app.caption]]
    assert not any("bold" in value for value in shown)


def test_a_hundred_thousand_characters_are_read_up_to_the_stated_limit() -> None:
    app = visit()
    found = measured(app, "Who killed Cock Robin? " * 4500)
    assert len(found.text) == MOST_CHARACTERS
    assert any("the first 2,000 of them are read" in caption.value for caption in app.caption)


def test_the_examples_are_put_into_the_field() -> None:
    app = visit()
    passage = run_of(app).text[: surprise.PASSAGE]
    field = app.text_area(key="surprise_text")
    press(app, "Its letters shuffled")
    letters = app.text_area(key="surprise_text").value
    assert letters is not None
    assert letters != passage
    assert sorted(letters) == sorted(passage)
    press(app, "Its words shuffled")
    words = app.text_area(key="surprise_text").value
    assert words is not None
    assert words != passage
    assert sorted(words.split()) == sorted(passage.split())
    press(app, "A passage of the text")
    assert app.text_area(key="surprise_text").value == passage == field.value
    press(app, "What it wrote")
    assert "The sheet is empty" in warnings(app)
    press(app, "One character")
    press(app, "What it wrote")
    assert app.text_area(key="surprise_text").value == written(app).text
    press(app, "A held-out passage")
    assert "No text is held out" in warnings(app)


def test_a_held_out_passage_is_offered_where_there_is_one() -> None:
    app = visit(held_out="0.2")
    press(app, "A held-out passage")
    text = app.text_area(key="surprise_text").value
    assert text == run_of(app).text[-339:][: surprise.PASSAGE]


def test_the_passage_follows_the_text_until_the_person_writes_another() -> None:
    app = visit()
    app.selectbox(key="preset").set_value("counting").run()
    run = run_of(app)
    assert app.text_area(key="surprise_text").value == run.text[: surprise.PASSAGE]
    app.text_area(key="surprise_text").set_value("mine").run()
    app.selectbox(key="preset").set_value("verse").run()
    assert app.text_area(key="surprise_text").value == "mine"


# -- other runs ------------------------------------------------------------------------------------


TEXTS = {
    "three characters": ("012" * 20, {"hidden_size": 1, "seq_length": 1}),
    "markup": (MARKUP, {"hidden_size": 3}),
    "thousands of characters": (
        "".join(map(chr, range(0x4E00, 0x4E00 + 3000))),
        {"hidden_size": 4},
    ),
    "lone surrogates": ("a\ud800b\udfff" * 20, {"hidden_size": 3, "seq_length": 5}),
    "one character": ("a" * 40, {"hidden_size": 2, "seq_length": 3}),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("steps", [0, 2])
def test_every_block_works_on_any_run(name: str, steps: int) -> None:
    text, settings = TEXTS[name]
    run = LiveRun(text, Config().replace(**settings), Source("own", "your own text"))
    app = visit_run(run)
    for _ in range(steps):
        press(app, "Step")
    press(app, "One character")
    press(app, "Generate")
    finished(app, "generate")
    press(app, "Write all four")
    finished(app, "temperatures")
    press(app, "Measure the surprise")
    finished(app, "surprise")
    assert not app.warning
    assert len(written(app).text) == 400
    assert downloaded(sheet(app)).decode("utf-8")
