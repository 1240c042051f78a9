# Runs SCRIPT with the modules of the image ROM, a ROMFS: bytecode in it runs in place, as from a board's flash. The image is one block of
# the heap, which nothing moves: so the heap is to be larger by its size.
import os
import sys

import vfs

image = bytearray(os.stat(os.getenv("ROM"))[6])
with open(os.getenv("ROM"), "rb") as file:
    file.readinto(image)
vfs.mount(vfs.VfsRom(memoryview(image)), "/rom")
sys.path.insert(0, "/rom")
with open(os.getenv("SCRIPT")) as file:
    text = file.read()
exec(text, {"__name__": "__main__"})
