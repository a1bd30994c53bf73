"""The root of the tasks; each namespace is a module of `hostonly.tasks`."""

from hostonly.tasks import namespace

ns = namespace()
