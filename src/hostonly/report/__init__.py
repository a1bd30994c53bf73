"""Results as a terminal transcript and as JSON, from the same objects."""
