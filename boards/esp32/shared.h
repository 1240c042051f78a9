// What the boards with an ESP32 share.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

// ROMFS: bytecode in it runs from flash, takes no heap, and can be replaced without new firmware.
// Cost: the partition romfs, and about 4 KB of code.
#define MICROPY_VFS_ROM (1)
