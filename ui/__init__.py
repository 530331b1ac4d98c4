"""What the pages share: the live run, the board of panels, figures, controls and session state."""
