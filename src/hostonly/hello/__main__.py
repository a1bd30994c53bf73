"""The server as a program: ``python -m hostonly.hello [NAME]``."""

import os
import sys

from hostonly.hello.server import main

sys.exit(main(sys.argv[1:], os.environ))
