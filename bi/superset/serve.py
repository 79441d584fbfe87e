"""Superset with the boards, on this computer alone: `make superset`.

Everything that it makes is in one folder, target/superset: the environment, the boards, Superset's
own database, its key and the password of the user `admin`. Removing the folder removes Superset.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from build import HERE, LANGUAGES, address, write
from sqlalchemy.engine import make_url

USER = "admin"
APP = "superset.app:create_app()"


@dataclass(frozen=True)
class Superset:
    """One that is set up on this computer."""

    venv: Path
    """Its environment."""
    home: Path
    """What it keeps."""
    language: str = "en"

    @property
    def env(self) -> dict[str, str]:
        """What its commands need to know; of this project's environment it shall see nothing."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        return kept | {
            "FLASK_APP": APP,
            "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
            "SUPERSET_HOME": str(self.home),
            "SUPERSET_LANGUAGE": self.language,
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *command: str) -> None:
        """Runs one of its commands; what it says is shown only when it fails."""
        done = subprocess.run(
            [str(self.venv / "bin" / command[0]), *command[1:]],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(
                f"superset {' '.join(command[:2])} failed:\n{done.stdout[-3000:]}"
            )

    def install(self) -> None:
        """Makes its environment, unless that is there."""
        wanted = (HERE / "requirements.lock").read_text("utf-8")
        ready = self.venv / "installed"
        if ready.exists() and ready.read_text("utf-8") == wanted:
            return
        click.echo("installing Superset: some minutes")
        shutil.rmtree(self.venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(self.venv)], check=True)
        lock = str(HERE / "requirements.lock")
        self.run("python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
        ready.write_text(wanted, "utf-8")

    def set_up(self) -> None:
        """Makes its key, password and database, unless they are there."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.home / "secret_key").exists():
            secret(self.home / "secret_key", 42)
            secret(self.home / "password", 16)
        self.run("superset", "db", "upgrade")
        self.run("superset", "init")

    def take(self, bundles: list[Path]) -> None:
        """Imports boards, over those of an earlier import."""
        self.run(
            "python",
            str(HERE / "import_boards.py"),
            USER,
            str(self.home / "password"),
            *map(str, bundles),
        )

    def serving(self, port: int) -> list[str]:
        """The command that serves it, to this computer alone."""
        options = {"bind": f"127.0.0.1:{port}", "workers": 1, "threads": 8, "timeout": 120}
        given = [f"--{name}={value}" for name, value in options.items()]
        return [str(self.venv / "bin/gunicorn"), *given, APP]


def secret(path: Path, length: int) -> None:
    """Writes a random text that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(length), "utf-8")


@click.command()
@click.argument("uri", callback=address)
@click.option("--schema", default="marts", show_default=True, help="where the published marts are")
@click.option(
    "--folder", default="target/superset", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--port", default=8088, show_default=True)
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES))
def main(uri: str, schema: str, folder: Path, port: int, language: str) -> None:
    """Installs Superset, imports boards of the marts at URI, and serves until it is stopped."""
    url = make_url(uri)
    if url.get_backend_name() == "duckdb" and not Path(url.database or "").exists():
        raise click.UsageError(f"nothing is published in {url.database}: make run")
    if url.password:
        os.environ["PGPASSWORD"] = str(url.password)
    folder = folder.absolute()
    superset = Superset(folder / "venv", folder / "home", language)
    superset.install()
    click.echo("setting up Superset")
    superset.set_up()
    superset.take([write(each, uri, schema, folder) for each in LANGUAGES])
    click.echo(f"boards:   http://127.0.0.1:{port}/superset/dashboard/crm-overview-{language}/")
    click.echo(f"user:     {USER}, password in {superset.home / 'password'}")
    click.echo(f"to stop:  Ctrl+C, or kill {os.getpid()}; rm -r {folder} removes it")
    os.execve(superset.serving(port)[0], superset.serving(port), superset.env)


if __name__ == "__main__":
    main()
