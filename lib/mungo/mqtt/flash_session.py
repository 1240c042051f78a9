# A session on flash: the journal of a client as the store of its Session, see session.py. While another thread uses the flash, nothing can
# be saved: then the connection ends, and the next one goes on from there.
from errno import EAGAIN

from ..port.flash import flash
from .journal import Journal

RETRY_MS = const(1000)


class FlashSession(Journal):
    """The store of a client's session. Loop's thread."""

    def __init__(self, client, folder, most):
        Journal.__init__(self, folder, most)
        self.client = client
        self.is_loaded = False
        self.is_stale = False  # the last state could not be saved
        self.number = 0  # of the message that is being handed over

    def put(self, id, packet):
        """A message begins, see session.py. (If that can't be saved, it may come twice after a reset.)"""
        if self.number:
            entry = self.sent(self.number, id)
            try:
                if packet[0] & 6 == 4:
                    self.save_now()
            except Exception:
                self.entries.remove(entry)
                self.unsent = self.number
                raise

    def update(self, id):
        """Its PUBREC has come."""
        for entry in self.entries:
            if entry.id == id:
                entry.is_released = True
                self.save_now()

    def remove(self, id):
        """It is over."""
        for entry in self.entries:
            if entry.id == id:
                self.entries.remove(entry)  # (its file is removed by `work`)
                return

    def receive(self, id):
        """A message of QoS 2 has come."""
        if id not in self.received:
            self.received.append(id)
        self.save_now()

    def release(self, id):
        """It is over, or comes again."""
        if id in self.received:
            self.received.remove(id)
        self.save_now()

    def save_now(self):
        """Write the state, if something is left of it. Raises OSError(EAGAIN) if another thread has the flash. If the flash fails, that is
        reported, and tried again later."""
        if not self.is_loaded:
            return
        if not flash.begin():
            raise OSError(EAGAIN)
        self.is_stale = True
        try:
            self.remove_done()
            if self.files or self.received or self.entries:
                self.save()
            self.is_stale = False
        except OSError as er:
            self.client.keeper.mgr.report(er)
            self.client.look_again(RETRY_MS)
        finally:
            flash.end()
