// lwIP's loopback interface for RP2, off by default: mungo's `ring` bell needs none.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
//
// Stock firmware answers EHOSTUNREACH for 127.0.0.1. With MUNGO_LOOPBACK=1 there is an interface `lo`, and the bell may be `udp`.
// Cost: about 570 bytes of flash and 270 of RAM, two of the three UDP sockets for such a bell, and a look at the interfaces in
// every turn in which MicroPython waits.
#ifndef MUNGO_LOOPBACK
#define MUNGO_LOOPBACK (0)
#endif

#if MUNGO_LOOPBACK
#define LWIP_NETIF_LOOPBACK (1)
// Packets for `lo` stay in a queue until netif_poll_all() is called. Without an operating system only this hook calls it.
void mungo_loopback_poll(void);
#define MICROPY_INTERNAL_EVENT_HOOK mungo_loopback_poll()
#endif
