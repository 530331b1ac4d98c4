"""The real server is killed at random instants while a visitor trains: no run is ever harmed.

`RNN_KILLS=50` kills it more often than the normal suite does; `--log-cli-level=INFO` tells each loss.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from bench.browsing import Seen, visiting
from rnn import Trainer
from rnn.store import Store
from tests.browser.serving import serving
from tests.scenes import play
from tests.test_store_crash import check_whole
from tests.test_trainer import assert_same_run

KILLS = int(os.environ.get("RNN_KILLS", "3"))
LONGEST_LIFE = 16.0  # seconds of training before a kill; longer than may be lost
MOST_LOST = 10.0  # seconds of training, which is what the program promises

_LOGGER = logging.getLogger(__name__)

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught"
)


@dataclass(frozen=True)
class Life:
    """What a visitor saw of a server until it was killed: the link, where the run stood, the frames."""

    link: str
    run_id: str
    begun_at: int
    frames: tuple[Seen, ...]

    def lost(self, saved: int) -> float:
        """Seconds of training between the saved iteration and the kill.

        Iterations are turned into seconds by the usual pace of the frames, since a busy machine may
        stand still for a while and train nothing. What the last frame could not show yet is one step
        more at most.
        """
        steps = [
            (later.iteration - earlier.iteration, later.at - earlier.at)
            for earlier, later in pairwise(self.frames)
            if later.iteration > earlier.iteration
        ]
        pace = median(iterations / seconds for iterations, seconds in steps)
        unseen = median(seconds for _, seconds in steps)
        return max(0, self.frames[-1].iteration - saved) / pace + unseen


async def train_until_killed(
    url: str, link: str, server: subprocess.Popen[bytes], seconds: float
) -> Life:
    async with visiting(url, link) as visitor:
        begun_at = visitor.iteration
        assert "Pause" not in visitor.buttons
        await visitor.press("Train")
        await visitor.wait_for(lambda it: it.iteration > begun_at)
        await asyncio.sleep(seconds)
        server.kill()
        return Life(visitor.query, visitor.run_id, begun_at, tuple(visitor.frames))


def check_snapshots(store: Store, run_id: str) -> Trainer:
    """Every saved state can be read; returns the newest."""
    states = store.snapshots(run_id)
    for state in states:
        assert store.load_snapshot(run_id, state.iteration).iteration == state.iteration
    return store.load(run_id)


def test_a_server_that_is_killed_loses_little_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, chance = tmp_path / "runs", random.Random(5)
    monkeypatch.setenv("RNN_RUNS", str(folder))
    link, saved, losses = "", 0, []
    for number in range(KILLS):
        seconds = LONGEST_LIFE * (number + chance.random()) / KILLS  # short lives and long ones
        with serving() as (url, server):
            life = play(train_until_killed(url, link, server, seconds))
        assert life.begun_at == saved  # paused, and where it was last saved
        row = check_whole(folder)
        assert row.id == life.run_id
        trainer = check_snapshots(Store(folder), row.id)
        losses.append(life.lost(row.iteration))
        _LOGGER.info("after %.1f s: iteration %d, %.1f s lost", seconds, row.iteration, losses[-1])
        assert losses[-1] <= MOST_LOST
        assert row.iteration >= saved
        link, saved = life.link, row.iteration
    _LOGGER.info("%d kills, at most %.1f s lost, iteration %d", KILLS, max(losses), saved)
    unbroken = Trainer(trainer.text, trainer.config)
    unbroken.advance(steps=saved)
    assert_same_run(trainer, unbroken)
