# ESP32_GENERIC_C3: a board with an ESP32-C3 and 4 MB of flash.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#
# MicroPython's own definition first (this path is relative to ports/esp32), then what mungo adds to it.
include(boards/ESP32_GENERIC_C3/mpconfigboard.cmake)

set(MUNGO_PARTITIONS partitions-4MiB.csv)
include(${MICROPY_BOARD_DIR}/../esp32/shared.cmake)
