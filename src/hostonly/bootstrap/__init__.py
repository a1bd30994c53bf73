"""Makes ``.venv`` from ``requirements.lock``, then becomes the ``inv`` in it.

The wrapper script ``inv`` runs it with whatever python3 the machine has, so it imports only the
standard library and the few modules of this project that do the same. Messages go to stderr, as
stdout is the task's.

Python environments cannot be moved, so ``.venv`` is made in place. Two at once: a kernel lock,
which the child processes hold too, so that it is free only when nobody writes into ``.venv`` any
more. A kill at any point: ``.venv/.complete`` is removed first and written last, and without it all
is made anew.
"""
