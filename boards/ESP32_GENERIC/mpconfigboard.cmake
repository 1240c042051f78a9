# ESP32_GENERIC: a board with an ESP32 and 4 MB of flash.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#
# MicroPython's own definition first (paths are relative to ports/esp32), then what mungo adds to it.
include(boards/ESP32_GENERIC/mpconfigboard.cmake)

# The partition table is outside MicroPython's tree, so its name has to be whole; Kconfig knows no variables.
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.partitions
    "CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${MICROPY_BOARD_DIR}/partitions.csv\"\n")

list(APPEND SDKCONFIG_DEFAULTS
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${CMAKE_BINARY_DIR}/sdkconfig.partitions
)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
