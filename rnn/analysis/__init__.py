"""What a trained network has learned and how it holds it: analyses of a portrait, NumPy only.

Every analysis reads a `Portrait`, a copy of the network between two training steps, so that training
goes on untouched while it is being looked at. The long ones report how far they are, and end when
they are told to.
"""

from rnn.analysis.portrait import Portrait, Reading, Report, portrait_of

__all__ = ["Portrait", "Reading", "Report", "portrait_of"]
