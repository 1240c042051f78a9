# RPI_PICO_W: Raspberry Pi Pico W.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#
# MicroPython's own definition first, with its pins; it takes manifest.py from this folder.
include(${MICROPY_PORT_DIR}/boards/RPI_PICO_W/mpconfigboard.cmake)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO_W/pins.csv)
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# The loopback interface, off unless it is asked for: make firmware .. CMAKE_ARGS=-DMUNGO_LOOPBACK=1. See rp2/loopback.h.
if(MUNGO_LOOPBACK)
    list(APPEND MICROPY_DEF_BOARD MUNGO_LOOPBACK=1)
    list(APPEND MICROPY_SOURCE_BOARD ${MICROPY_BOARD_DIR}/../rp2/loopback.c)
endif()
