"""make board-report, against a board of MicroPython's unix port behind a pseudo-terminal."""

import json
import re

import board_report
import device
import pty_board

SECRETS = {"WIFI_SSID": "the name of home", "WIFI_PASSWORD": "open sesame"}


def test_a_report_has_the_figures_and_no_names(tmp_path, capsys):
    board = pty_board.PtyBoard(tmp_path / "flash")
    (board.folder / "settings.json").write_text(json.dumps(SECRETS))
    out = tmp_path / "report.md"
    args = ["--board", "UNIX", "--device", board.device, "--out", str(out), "test_url", "test_match"]
    try:
        assert device.main(board_report.main, args) == 0
    finally:
        board.close()
    said = capsys.readouterr().out
    for line in ("1/4 device tests", "2/4 heap, sockets and threads", "3/4 the bell", "4/4 requests from this machine", f"{out}: done; "):
        assert line in said, said
    text = out.read_text()
    assert re.search(r"^\d+ passed, 0 failed, 0 skipped\.$", text, re.M), text
    stages = re.findall(r"^\| (at the prompt|with a.*?) \| (\d+) \| (\d+) \|$", text, re.M)
    used = [int(stage[2]) for stage in stages]
    assert len(stages) == 5 and used == sorted(used) and used[0] > 1000, text
    for what in (
        r"sockets that can be open at once \| \d+",
        r"threads beside the first \| \d+",
        r"to the loop's handler, bell `udp` \| [\d.]+ ms \(longest",
        r"`/fast`, one after the other \| [\d.]+ ms \(longest",
        r"`/fast`, next to a worker that sleeps \| [\d.]+ ms \(longest",
        r"a burst of 6 clients, each with a connection of its own \| [\d.]+ ms in all",
        r"a page of 20 parts of 1000 bytes, 6 at a time \| [\d.]+ ms in all",
    ):
        assert re.search(what, text), (what, text)
    for secret in (*SECRETS.values(), "127.0.0.1", str(tmp_path), board.device):
        assert secret not in text, text
    assert not (board.folder / "settings.json.new").exists()
    assert json.loads((board.folder / "settings.json").read_text()) == SECRETS


def test_a_board_without_a_network_is_told_what_to_do(tmp_path, monkeypatch):
    board = pty_board.PtyBoard(tmp_path / "flash")
    monkeypatch.setattr(board_report, "_SERVER", 'print("none")  # %s %d')
    try:
        said = board_report.requests(board.device, ("127.0.0.1", 1))
    finally:
        board.close()
    assert said.startswith("the board is in no network: write WIFI_SSID and WIFI_PASSWORD into its settings.json"), said


def test_a_report_that_can_not_be_written_is_said_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(board_report, "report", lambda *_: "text")
    monkeypatch.setattr(device, "find", lambda name: "/dev/ttyACM0")
    assert device.main(board_report.main, ["--board", "UNIX", "--out", str(tmp_path / "no" / "x.md")]) == 1
    assert "can't be written" in capsys.readouterr().err
