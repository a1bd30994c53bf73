"""Places to look from. Transport ends here: nobody above knows whether a command went through a
subprocess, an SSH channel or ``docker exec``.
"""

from hostonly.vantages.vantage import Result, Vantage, shown

__all__ = ["Result", "Vantage", "shown"]
