"""HelloSocket's image: built, pushed to the registry, pulled, and carried to another engine."""
