# ESP32_GENERIC_S3: a board with an ESP32-S3 and 8 MB of flash.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
#
# MicroPython's own definition first (this path is relative to ports/esp32), then what mungo adds to it.
include(boards/ESP32_GENERIC_S3/mpconfigboard.cmake)

list(APPEND SDKCONFIG_DEFAULTS ${MICROPY_BOARD_DIR}/sdkconfig.board)
set(MUNGO_PARTITIONS partitions-8MiB.csv)
include(${MICROPY_BOARD_DIR}/../esp32/shared.cmake)
