"""The Memory page."""

from ui import shell

with shell.page():
    pass
