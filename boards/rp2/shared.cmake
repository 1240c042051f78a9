# What the Picos with a radio share: each board's mpconfigboard.cmake includes this last.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# The loopback interface is off by default: make firmware .. CMAKE_ARGS=-DMUNGO_LOOPBACK=1 switches it on. See loopback.h.
if(MUNGO_LOOPBACK)
    list(APPEND MICROPY_DEF_BOARD MUNGO_LOOPBACK=1)
    list(APPEND MICROPY_SOURCE_BOARD ${CMAKE_CURRENT_LIST_DIR}/loopback.c)
endif()
