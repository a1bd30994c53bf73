"""`python -m hostonly` is `inv`."""

from hostonly.program import main

main()
