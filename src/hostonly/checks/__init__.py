"""The checks: what is so, looked at without a tutorial's steps, each a function that gives a result."""
