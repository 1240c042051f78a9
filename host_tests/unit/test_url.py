from mungo.core.url import parse


def test_parts():
    for url, expected in (
        ("tcp://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("tcp://localhost:1", ("127.0.0.1", 1)),
        ("tcp://:65535", ("0.0.0.0", 65535)),
        ("tcp://0.0.0.0:80/path?x=1:2", ("0.0.0.0", 80)),
        ("tcp://[::1]:80", ("::1", 80)),
        ("tcp://[fe80::1%wlan0]:80", ("fe80::1%wlan0", 80)),
        ("tcp://[::ffff:10.0.0.7]:80/x", ("::ffff:10.0.0.7", 80)),
        ("tcp://LocalHost:1", ("127.0.0.1", 1)),
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


def test_what_is_wrong_is_told():
    for wrong, urls in (
        ("another scheme", ("udp://127.0.0.1:80", "127.0.0.1:80", "TCPX://127.0.0.1:80")),
        ("a user or a password", ("tcp://u:p@127.0.0.1:80", "tcp://u@127.0.0.1:80", "tcp://@127.0.0.1:80", "tcp://u:p@[::1]:80")),
        (
            "no port from 0 to 65535",
            ("tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:80x", "tcp://[::1]", "tcp://127.0.0.1:+8"),
        ),
        (
            "the host is no address",
            (
                "tcp://some:name:80",
                "tcp://example.com:80",
                "tcp://dead.beef:80",
                "tcp://::1:80",
                "tcp://[::1:80",
                "tcp://[example.com]:80",
                "tcp://[::g]:80",
                "tcp://[::1]x:80",
                "tcp://[::1\r\nX: y]:80",
                "tcp://[]:80",
                "tcp://1.2.3:80",
                "tcp://1.2.3.4.5:80",
                "tcp://1.2.3.256:80",
                "tcp://1..2.3:80",
                "tcp://127.0.0.1 :80",
                "tcp://localhost.:80",
            ),
        ),
    ):
        for url in urls:
            try:
                parse(url, "tcp")
            except ValueError as er:
                assert wrong in str(er) and repr(url) in str(er) and "tcp://address:port" in str(er), er
            else:
                raise AssertionError(url)
