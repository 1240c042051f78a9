# mungo for MicroPython's builds: include() it in a board's manifest, or require("mungo") with this folder as a library.
metadata(description="Poll-based event manager: one loop owns every socket, slow work runs in threads.", version="0.1.0", license="MIT")
package("mungo", base_path="lib", opt=3)
