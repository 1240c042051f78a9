class StatusError(Exception):
    """A request that can't be answered as asked. `status` is the HTTP status of the answer, `headers` its fields (a dict, or None).

    `text` says what is wrong in words; "" stands for the status in words. An App makes the answer, or an error handler of the program.
    """

    def __init__(self, status, text="", headers=None):
        super().__init__(text or status)
        self.status = status
        self.text = text
        self.headers = headers


class UploadError(StatusError):
    """What is wrong with a form or an upload: `status` and `headers` for the answer; the text says it in words."""
