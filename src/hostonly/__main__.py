"""`python -m hostonly` is `inv`."""

from hostonly.start import main

main()
