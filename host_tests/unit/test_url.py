from mungo.core.url import parse


def test_parts():
    for url, expected in (
        ("tcp://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("tcp://localhost:1", ("127.0.0.1", 1)),
        ("tcp://:65535", ("0.0.0.0", 65535)),
        ("tcp://0.0.0.0:80/path?x=1:2", ("0.0.0.0", 80)),
        ("tcp://[::1]:80", ("::1", 80)),
    ):
        assert parse(url, "tcp") == expected, url


def test_what_is_no_such_url_is_refused_by_name():
    for url in ("", "tcp://", "tcp://1.2.3.4", "udp://:1", "tcp://:65536", "tcp://:-1", "tcp://:x", "1.2.3.4:80", "tcp://example.com:80", "tcp://dead.beef:80"):
        try:
            parse(url, "tcp")
        except ValueError as er:
            assert repr(url) in str(er) and "tcp://" in str(er), er
        else:
            raise AssertionError(url)
