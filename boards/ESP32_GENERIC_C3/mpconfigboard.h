// ESP32_GENERIC_C3: a board with an ESP32-C3 and 4 MB of flash.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

#include "boards/ESP32_GENERIC_C3/mpconfigboard.h" // MicroPython's own

// limits.py recognises our firmware by the word after the comma.
#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Generic ESP32C3 module, mungo"

#include "../esp32/shared.h"
