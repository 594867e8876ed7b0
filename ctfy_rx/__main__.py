"""``python -m ctfy_rx``: the same as ``ctfy-rx``."""

import sys

from ctfy_rx.cli import main

if __name__ == "__main__":
    sys.exit(main())
