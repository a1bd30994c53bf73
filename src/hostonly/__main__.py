"""The module behind ``python -m hostonly``, which is ``inv``."""

from hostonly.start import main

main()
