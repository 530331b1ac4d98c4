"""The Train page through AppTest: what the buttons and the sidebar do to the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from rnn.presets import PRESETS
from ui.live import LiveRun
from ui.runs import RUNS

ENTRY = str(Path(__file__).parents[1] / "dashboard.py")


def visit(**address: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def query(app: AppTest, name: str) -> str:
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value


def run_of(app: AppTest) -> LiveRun:
    run = RUNS.find(query(app, "run"))
    assert run is not None
    return run


def press(app: AppTest, label: str) -> None:
    button = next(button for button in app.button if button.label == label)
    button.click().run()
    assert not app.exception


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def sentences(app: AppTest) -> str:
    return " ".join(warning.value for warning in app.warning)


def test_a_first_visit_offers_everything_and_trains_nothing() -> None:
    app = visit()
    for label in ("Train", "Step", "Reset", "New seed"):
        assert label in labels(app)
    assert run_of(app).iteration == 0
    assert not run_of(app).playing
    assert not app.warning


def test_step_takes_exactly_one_iteration() -> None:
    app = visit()
    for expected in (1, 2):
        press(app, "Step")
        assert run_of(app).iteration == expected


def test_train_becomes_pause_and_back() -> None:
    app = visit()
    press(app, "Train")
    assert run_of(app).playing
    assert "Train" not in labels(app)
    press(app, "Pause")
    assert not run_of(app).playing
    assert "Pause" not in labels(app)


def test_reset_returns_to_the_same_weights_and_new_seed_to_others() -> None:
    app = visit()
    first = run_of(app).trainer.params["Whh"].copy()
    press(app, "Step")
    press(app, "Reset")
    assert run_of(app).iteration == 0
    np.testing.assert_array_equal(run_of(app).trainer.params["Whh"], first)
    press(app, "New seed")
    assert run_of(app).config.seed == 1
    assert query(app, "seed") == "1"
    assert not np.array_equal(run_of(app).trainer.params["Whh"], first)


def test_autoplay_in_the_address_plays_at_once() -> None:
    assert run_of(visit(autoplay="1")).playing


@pytest.mark.parametrize("preset", [preset.key for preset in PRESETS])
def test_every_preset_can_be_chosen_and_stepped(preset: str) -> None:
    app = visit()
    app.selectbox(key="preset").set_value(preset).run()
    assert not app.exception
    assert run_of(app).source.key == preset
    assert query(app, "text") == preset
    press(app, "Step")
    assert run_of(app).iteration == 1


def test_choosing_a_preset_while_training_goes_on_training() -> None:
    app = visit(autoplay="1")
    app.selectbox(key="preset").set_value("hello").run()
    assert run_of(app).playing
    assert run_of(app).source.key == "hello"


def test_a_live_setting_acts_without_a_reset_and_is_noted() -> None:
    app = visit()
    press(app, "Step")
    app.select_slider(key="setting_learning_rate").set_value(0.05).run()
    run = run_of(app)
    assert run.config.learning_rate == 0.05
    assert run.iteration == 1
    assert [event.name for event in run.trainer.history.events] == ["learning_rate"]
    assert query(app, "learning_rate") == "0.05"


def test_a_structural_setting_waits_for_reset_and_says_so() -> None:
    app = visit()
    press(app, "Step")
    app.number_input(key="setting_hidden_size").set_value(30).run()
    assert run_of(app).config.hidden_size == 100
    assert any("Hidden size 100 → 30" in info.value for info in app.info)
    press(app, "Reset")
    assert run_of(app).config.hidden_size == 30
    assert not app.info


def test_the_address_brings_settings_that_the_widgets_show() -> None:
    app = visit(text="hello", hidden_size="12", temperature="0.5", learning_rate="0.0375")
    assert run_of(app).config.hidden_size == 12
    assert app.number_input(key="setting_hidden_size").value == 12
    assert app.number_input(key="setting_temperature").value == 0.5
    assert app.select_slider(key="setting_learning_rate").value == 0.0375


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("learning_rate", "fast", "Learning rate must be a number"),
        ("learning_rate", "nan", "Learning rate must be a number"),
        ("hidden_size", "0", "Hidden size must be between 1 and 1024"),
        ("hidden_size", "1e9", "Hidden size must be between"),
        ("optimiser", "magic", "Optimiser must be one of"),
        ("seq_length", "5000", "Sequence length must be between"),
        ("text", "nowhere", "not among the presets"),
        ("text", "own", "no longer here"),
    ],
)
def test_a_bad_address_is_one_sentence_and_a_working_page(
    name: str, value: str, sentence: str
) -> None:
    app = visit(**{name: value})
    assert sentence in sentences(app)
    assert len(app.warning) == 1
    press(app, "Step")
    assert run_of(app).iteration == 1


def test_a_pasted_text_begins_a_run_and_is_never_rendered() -> None:
    app = visit()
    text = "<b>bold</b> :red[red] $x^2$ **no** " * 20
    app.text_area(key="pasted").set_value(text).run()
    press(app, "Learn this text")
    assert run_of(app).text == text
    assert query(app, "text") == "own"
    shown = [element.value for element in [*app.markdown, *app.caption, *app.warning]]
    assert not any("bold" in value or ":red[" in value for value in shown)


@pytest.mark.parametrize("text", ["", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab"])
def test_a_text_that_cannot_be_learned_leaves_the_run_as_it_is(text: str) -> None:
    app = visit()
    press(app, "Step")
    before = run_of(app)
    app.text_area(key="pasted").set_value(text).run()
    press(app, "Learn this text")
    assert len(app.warning) == 1
    assert run_of(app) is before
    assert before.iteration == 1
    assert before.source.key == "verse"


def test_a_window_longer_than_the_text_is_refused_and_the_slider_returns() -> None:
    app = visit(text="cycle")
    app.select_slider(key="setting_seq_length").set_value(500).run()
    assert len(app.warning) == 1
    assert run_of(app).config.seq_length == 24
    assert app.select_slider(key="setting_seq_length").value == 24


def test_run_to_an_iteration_plays_with_that_target() -> None:
    app = visit()
    app.number_input(key="target_iteration").set_value(50).run()
    press(app, "Go")
    run = run_of(app)
    assert run.playing
    for _ in range(50):  # a slow machine needs more than one tick
        run.tick()
    assert run.iteration == 50
    assert not run.playing


def test_a_goal_that_is_typed_and_clicked_at_once_is_the_goal() -> None:
    app = visit()
    app.number_input(key="target_iteration").set_value(50)
    press(app, "Go")  # the button was drawn before this was typed
    target = run_of(app).target
    assert target is not None
    assert target.iteration == 50


def test_run_to_a_loss_asks_in_bits() -> None:
    app = visit()
    app.radio(key="target_kind").set_value("smooth loss").run()
    app.number_input(key="target_bits").set_value(2.0).run()
    press(app, "Go")
    target = run_of(app).target
    assert target is not None
    assert target.loss == pytest.approx(2.0 * np.log(2))


@pytest.mark.parametrize("unit", ["window", "nats", "bits", "perplexity"])
def test_the_loss_can_be_read_in_every_unit(unit: str) -> None:
    app = visit()
    press(app, "Step")
    app.selectbox(key="loss_unit").set_value(unit).run()
    app.toggle(key="log_loss").set_value(True).run()
    app.toggle(key="log_iterations").set_value(True).run()
    assert not app.exception


def test_divergence_is_told_and_can_be_recovered_from() -> None:
    app = visit(text="counting", optimiser="sgd", learning_rate="100", clip="0")
    run = run_of(app)
    run.play()
    for _ in range(20):
        run.tick()
    assert not run.playing
    app.run()
    assert any("diverged" in error.value for error in app.error)
    press(app, "Go on with a tenth of the learning rate")
    assert run.playing
    assert run.config.learning_rate == 10.0
    assert app.select_slider(key="setting_learning_rate").value == 10.0


def test_two_visitors_have_runs_of_their_own() -> None:
    first, second = visit(), visit()
    press(first, "Step")
    assert run_of(first).iteration == 1
    assert run_of(second).iteration == 0


def test_the_run_outlives_a_reload() -> None:
    app = visit()
    press(app, "Step")
    again = visit(run=query(app, "run"))
    assert run_of(again) is run_of(app)
    assert run_of(again).iteration == 1


def test_the_run_outlives_the_server_s_memory() -> None:
    app = visit(text="hello")
    press(app, "Step")
    press(app, "Step")
    run = run_of(app)
    run.settle()
    RUNS._seen.clear()
    RUNS._known.clear()
    again = visit(run=query(app, "run"))
    assert run_of(again) is not run
    assert run_of(again).iteration == 2
    assert run_of(again).source.key == "hello"
    assert query(again, "text") == "hello"
    press(again, "Step")
    assert run_of(again).iteration == 3


def test_a_reset_moves_the_visit_to_a_run_of_its_own() -> None:
    app = visit()
    press(app, "Step")
    first = query(app, "run")
    press(app, "Reset")
    assert query(app, "run") != first
    assert run_of(app).iteration == 0
    before = visit(run=first)
    assert run_of(before).iteration == 1


def test_an_unknown_run_in_the_address_gives_a_new_one_without_a_fuss() -> None:
    for unknown in ("A" * 16, "../../etc/passwd", ""):
        app = visit(run=unknown, text="cycle")
        assert not app.exception
        assert run_of(app).source.key == "cycle"
