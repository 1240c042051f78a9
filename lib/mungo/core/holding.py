# Methods of a request, response or message whose body is being collected: it counts among the `shared_bytes` of its manager. What has them
# also has `held`, the bytes that it counts, and `holder`, the manager that counts them.


def hold(self, mgr, n):
    """Count `n` bytes more. False, and nothing is counted, if all bodies and send buffers together would take too many."""
    if n and not mgr.has_bytes(n):
        return False
    self.holder = mgr
    self.held += n
    mgr.held += n  # (last: the others may find no memory)
    return True


def release(self):
    """The body is needed no more."""
    if self.held:
        self.holder.held -= self.held
        self.held = 0
