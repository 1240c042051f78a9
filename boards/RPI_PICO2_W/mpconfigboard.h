// RPI_PICO2_W: Raspberry Pi Pico 2 W.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

#include "boards/RPI_PICO2_W/mpconfigboard.h" // MicroPython's own

// limits.py recognises our firmware by the word after the comma.
#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico 2 W, mungo"

// ROMFS: bytecode in it runs from flash, takes no heap, and can be replaced without new firmware.
// Cost: this much of the flash between the firmware and the files (2.5 MB). The files stay where they are.
#ifndef MICROPY_HW_ROMFS_BYTES
#define MICROPY_HW_ROMFS_BYTES (512 * 1024)
#endif

// TCP connections, including those in TIME_WAIT; stock: 5. Cost: about 200 bytes of RAM each, 1400 in all.
// (UDP sockets stay 5, of which mDNS and DHCP take two: MicroPython defines that number unconditionally.)
#define MEMP_NUM_TCP_PCB (12)

// Received packets of all sockets, until they are read; stock: 16. Cost: about 870 bytes of RAM each, 13 KB in all.
#define PBUF_POOL_SIZE (32)

// Memory for data to send; stock: 8000. Two windows of 6400 bytes fill those 8000, and a send without room may sleep up to 10 s.
// Cost: 8000 bytes of RAM more. Python's heap loses what is taken here of the RP2350's 520 KB.
#define MEM_SIZE (16000)

#include "../rp2/shared.h"
