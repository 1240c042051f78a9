"""Starts the app that the settings name."""
import settings

try:
    __import__("apps." + settings.APP, None, None, ("main",)).main()
except KeyboardInterrupt:
    pass
