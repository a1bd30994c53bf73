"""`python -m hostonly.hello [NAME]` is the server."""

import os
import sys

from hostonly.hello.server import main

sys.exit(main(sys.argv[1:], os.environ))
