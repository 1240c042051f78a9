# mungo for MicroPython's builds: include() it in a board's manifest, or require("mungo") with this folder as a library.
with open("lib/mungo/__init__.py") as source:  # the build reads a manifest in its own folder
    version = source.read().partition('__version__ = "')[2].partition('"')[0]
metadata(description="Poll-based event manager: one loop owns every socket, slow work runs in threads.", version=version, license="MIT")
package("mungo", base_path="lib", opt=3)
