"""A character-level recurrent network, its training and its history: NumPy only, no screen."""

from rnn.checkpoint import CheckpointError
from rnn.history import DiaryEntry, Event, History
from rnn.sampler import Sample, shape_distribution
from rnn.settings import SETTINGS, Config, Setting, SettingError
from rnn.state import State, Window
from rnn.trainer import Divergence, StepRecord, Trainer
from rnn.vocabulary import UnknownCharacter, Vocabulary
from rnn.windows import TextError

__all__ = [
    "SETTINGS",
    "CheckpointError",
    "Config",
    "DiaryEntry",
    "Divergence",
    "Event",
    "History",
    "Sample",
    "Setting",
    "SettingError",
    "State",
    "StepRecord",
    "TextError",
    "Trainer",
    "UnknownCharacter",
    "Vocabulary",
    "Window",
    "shape_distribution",
]
