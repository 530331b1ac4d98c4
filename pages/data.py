"""The Data page."""

from ui import shell

with shell.page():
    pass
