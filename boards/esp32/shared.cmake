# What the boards with an ESP32 share: each board's mpconfigboard.cmake includes this last, and sets MUNGO_PARTITIONS before.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.

# The partition table is outside of MicroPython's tree, so it needs its whole path, and Kconfig has no variables to make one.
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.partitions
    "CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CMAKE_CURRENT_LIST_DIR}/${MUNGO_PARTITIONS}\"\n")

list(APPEND SDKCONFIG_DEFAULTS
    ${CMAKE_CURRENT_LIST_DIR}/sdkconfig.board
    ${CMAKE_BINARY_DIR}/sdkconfig.partitions
)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
