"""What stands around the service: a container, a unit of systemd, proxies. Checked by the programs that read them, where these are."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from likewise.cli import likewise as commands
from likewise.service.app import create_app
from likewise.service.settings import Settings
from serving import draw_folder, index_folder, until

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"


def steps() -> list[list[tuple[str, str]]]:
    """The stages of the Containerfile, each its instructions and what they say."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    told = [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]
    starts = [i for i, (word, _) in enumerate(told) if word == "FROM"]
    return [told[start:end] for start, end in zip(starts, [*starts[1:], len(told)], strict=True)]


def said(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def test_the_container_serves_as_a_user_that_is_not_root() -> None:
    assert said(steps()[-1], "USER") == ["10001:10001"]


def test_the_last_stage_holds_nothing_that_builds_and_no_secret() -> None:
    last = steps()[-1]
    ran = " ".join(said(last, "RUN"))
    assert "pip install" not in ran
    assert "apt" not in ran
    assert "pip uninstall --yes pip" in ran
    assert said(last, "COPY") == ["--from=build /opt/likewise /opt/likewise"]
    for stage in steps():
        assert not said(stage, "ARG")
        assert not any("TOKEN" in each.upper() for each in said(stage, "ENV"))


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for each in said(steps()[0], "COPY") for name in each.split()[:-1]}
    assert {name.removeprefix("./") for name in copied} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_both_stages_have_the_python_that_the_package_needs() -> None:
    (base,) = {each.split(" AS ")[0] for stage in steps() for each in said(stage, "FROM")}
    assert base.startswith("docker.io/library/python:3.11-slim")


def options_of(words: list[str]) -> None:
    """Fails as the command line would where an option is unknown."""
    command = commands.commands[words[0]]
    command.make_context(words[0], words[1:], resilient_parsing=False)


def test_the_command_of_the_container_and_the_unit_are_understood() -> None:
    assert json.loads(said(steps()[-1], "ENTRYPOINT")[0]) == ["likewise"]
    options_of(json.loads(said(steps()[-1], "CMD")[0]))
    unit = (PACKAGING / "likewise.service").read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    options_of(shlex.split(start.partition("=")[2])[1:])


def test_the_health_check_tells_a_server_that_answers_from_one_that_does_not(tmp_path: Path) -> None:
    check = json.loads(said(steps()[-1], "HEALTHCHECK")[0].partition("CMD")[2])
    index_folder(draw_folder(tmp_path, each=1))
    app = create_app(Settings((tmp_path,)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started and app.state.service.galleries.not_ready() == [])
    port = server.servers[0].sockets[0].getsockname()[1]
    words = [sys.executable, *(word.replace(":8765", f":{port}") for word in check[1:])]
    healthy = subprocess.run(words, check=False, capture_output=True).returncode
    server.should_exit = True
    thread.join(30)
    gone = subprocess.run(words, check=False, capture_output=True).returncode
    assert (healthy, gone) == (0, 1)


def test_systemd_understands_the_unit_and_finds_it_closed(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    unit = tmp_path / "likewise.service"
    unit.write_text((PACKAGING / "likewise.service").read_text().replace("/opt/likewise/bin/likewise", "/bin/true"))
    verified = subprocess.run([analyze, "verify", "--man=no", unit], check=False, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    words = [analyze, "security", "--no-pager", "--offline=true", "--threshold=20", unit]
    judged = subprocess.run(words, check=False, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout[-400:]


def test_nginx_understands_its_example(tmp_path: Path) -> None:
    nginx, openssl = program("nginx"), program("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        str(key),
        "-out",
        certificate,
    ]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    text = (PACKAGING / "nginx.conf").read_text()
    text = text.replace("/etc/ssl/photos.example.org/fullchain.pem", str(certificate))
    text = text.replace("/etc/ssl/photos.example.org/key.pem", str(key))
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n"
    )
    tested = subprocess.run(
        [nginx, "-t", "-q", "-c", whole, "-p", tmp_path], check=False, capture_output=True, text=True
    )
    assert tested.returncode == 0, tested.stderr


def test_caddy_understands_its_example(tmp_path: Path) -> None:
    words = [program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(PACKAGING / "Caddyfile")]
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "PATH": "/usr/bin"}
    tested = subprocess.run(words, check=False, capture_output=True, text=True, env=home)
    assert tested.returncode == 0, tested.stderr
