"""The checks: claims about what is there, looked at without a tutorial's steps."""
