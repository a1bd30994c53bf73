"""The result types that demos, checks and tasks fill in and ``report`` renders."""
