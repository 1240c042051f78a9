// Delivers packets for 127.0.0.1, see loopback.h.
// Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#include "py/mphal.h"

#if MUNGO_LOOPBACK
#include "hardware/sync.h"
#include "lwip/netif.h"

// Called in each turn in which MicroPython waits. Nearly always the queues are empty.
void mungo_loopback_poll(void) {
    bool is_waiting = false;
    MICROPY_PY_LWIP_ENTER
    struct netif *netif;
    NETIF_FOREACH(netif) {
        is_waiting = is_waiting || netif->loop_first != NULL;
    }
    if (is_waiting) {
        netif_poll_all();
    }
    MICROPY_PY_LWIP_EXIT
    if (is_waiting) {
        __sev(); // wake the waiting loop, which looks at its sockets again before it sleeps
    }
}
#endif
