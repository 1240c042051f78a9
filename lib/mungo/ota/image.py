# Firmware of an ESP32 as an update: it goes into the application partition that does not run (esp32.Partition). The bootloader starts it
# once and, if nothing has kept it by then, the old one again. The firmware must have two such partitions.
from ..http.status_error import UploadError

_BLOCK = const(4096)

_MISSING = (ImportError, OSError)


def keep():
    """Keep the firmware that runs."""
    from esp32 import Partition  # pyright: ignore

    Partition.mark_app_valid_cancel_rollback()


class Image:
    """The partition that does not run, as a file of `size` bytes."""

    def __init__(self, size):
        try:
            from esp32 import Partition  # pyright: ignore

            self.part = Partition(Partition.RUNNING).get_next_update()
        except _MISSING:
            raise UploadError(409, "This firmware has no second partition for another one.")
        room = self.part.info()[3]
        if size > room:
            raise UploadError(507, "The firmware has %d bytes, and there is room for %d." % (size, room))
        self.block = bytearray(_BLOCK)
        self.at = 0  # of the next byte in `block`
        self.number = 0  # of the block in the partition

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.at and kind is None:
            self.write(b"\xff" * (_BLOCK - self.at))

    def write(self, data):
        """Add `data`; returns its length."""
        done = 0
        while done < len(data):
            part = data[done : done + _BLOCK - self.at]
            self.block[self.at : self.at + len(part)] = part
            self.at += len(part)
            done += len(part)
            if self.at == _BLOCK:
                self.part.writeblocks(self.number, self.block)
                self.number += 1
                self.at = 0
        return done

    def activate(self):
        """Have the next start begin it. Returns `to` of ota.state: the partition's label."""
        self.part.set_boot()
        return self.part.info()[4]
