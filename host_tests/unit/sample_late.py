# Imported by test_flash_lock.py only, and there for the first time.

import mungo.http.files as relative  # noqa: F401
