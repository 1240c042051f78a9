// What the Picos with a radio share.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

// A board that sets MEM_SIZE must set these as well. They are as in stock firmware.
#define TCP_MSS (800)
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define MEMP_NUM_TCP_SEG (32)

#include "loopback.h"
