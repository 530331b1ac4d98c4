"""`python -m rnn`: the command line."""

import sys

from rnn.cli import main

sys.exit(main())
