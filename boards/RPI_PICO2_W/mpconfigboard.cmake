# RPI_PICO2_W: Raspberry Pi Pico 2 W.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#
# MicroPython's own definition first, with its pins, then what mungo adds to it.
include(${MICROPY_PORT_DIR}/boards/RPI_PICO2_W/mpconfigboard.cmake)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO2_W/pins.csv)
set(MICROPY_HW_ROMFS_BYTES 524288) # MicroPython 1.29 reads it here, 1.28 in mpconfigboard.h
include(${MICROPY_BOARD_DIR}/../rp2/shared.cmake)
