// RPI_PICO_W: Raspberry Pi Pico W.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

#include "boards/RPI_PICO_W/mpconfigboard.h" // MicroPython's own

// limits.py recognises our firmware by the word after the comma.
#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico W, mungo"

// ROMFS: bytecode in it runs from flash, takes no heap, and can be replaced without new firmware.
// Cost: this much of the flash between the firmware and the files (848 KB). The files stay where they are.
#ifndef MICROPY_HW_ROMFS_BYTES
#define MICROPY_HW_ROMFS_BYTES (128 * 1024)
#endif

// TCP connections, including those in TIME_WAIT; stock: 5. Cost: about 200 bytes of RAM each, 600 in all.
// (UDP sockets stay 5, of which mDNS and DHCP take two: MicroPython defines that number unconditionally.)
#define MEMP_NUM_TCP_PCB (8)

// Received packets of all sockets, until they are read; stock: 16. Cost: about 870 bytes of RAM each, 6 KB in all.
#define PBUF_POOL_SIZE (24)

// Memory for data to send; stock: 8000. Two windows of 6400 bytes fill those 8000, and a send without room may sleep up to 10 s.
// Cost: 4000 bytes of RAM more. Python's heap loses what is taken here of the RP2040's 264 KB.
#define MEM_SIZE (12000)

#include "../rp2/shared.h"
