"""tools/certificate.py: what it writes is what OpenSSL accepts, and the authority stays."""

import shutil
import stat
import subprocess

import pytest

import certificate


def verify(folder, name, host):
    """What OpenSSL says to a device's certificate for this host, by the authority in the folder."""
    program = shutil.which("openssl") or pytest.skip("there is no openssl")
    kind = "-verify_ip" if host[0].isdigit() else "-verify_hostname"
    command = [program, "verify", "-x509_strict", "-CAfile", folder / "ca.pem", kind, host, folder / f"{name}.cert.pem"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).returncode == 0


def test_two_devices_of_one_authority(tmp_path, capsys):
    out = tmp_path / "certificates"
    certificate.main(["lamp.local", "192.168.1.20", "--out", str(out), "--board", "RPI_PICO_W"])
    said = capsys.readouterr().out
    assert f"curl --cacert {out}/ca.pem https://lamp.local/" in said and f"{out}/lamp.local.cert.pem :cert.pem" in said
    ca = (out / "ca.pem").read_bytes()
    certificate.main(["door.local", "--rsa", "--out", str(out)])
    assert (out / "ca.pem").read_bytes() == ca
    for name, host, expected in (
        ("lamp.local", "lamp.local", True),
        ("lamp.local", "192.168.1.20", True),
        ("lamp.local", "door.local", False),
        ("door.local", "door.local", True),
    ):
        assert verify(out, name, host) == expected, (name, host)
    for key in ("ca.key", "lamp.local.key.pem", "door.local.key.pem"):
        assert stat.S_IMODE((out / key).stat().st_mode) == 0o600


def test_the_authority_signs_for_local_names_alone(tmp_path):
    certificate.main(["example.org", "--out", str(tmp_path)])
    assert not verify(tmp_path, "example.org", "example.org")
    certificate.main(["example.org", "--out", str(tmp_path / "any"), "--any-name"])
    assert verify(tmp_path / "any", "example.org", "example.org")


def test_mistakes(tmp_path):
    for args in ([], ["a b"], ["../x"], ["x.local", "--board", "NOPE"]):
        with pytest.raises(SystemExit):
            certificate.main([*args, "--out", str(tmp_path)])
    (tmp_path / "ca.pem").write_bytes(b"")
    with pytest.raises(SystemExit, match="only one of"):
        certificate.main(["x.local", "--out", str(tmp_path)])
