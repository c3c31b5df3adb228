"""Installs what the browser tests need and pip cannot bring: Debian's Chromium, and fonts with Japanese letters.

    python tests/prepare.py

Nothing happens where both are installed. Otherwise it calls apt-get, as root or through sudo, and says so. Elsewhere
than on Debian and its relatives, install a Chromium yourself and name it in NUKARUMI_CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {"chromium": "the browser of the browser tests", "fonts-noto-cjk": "Japanese letters"}
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def browser() -> str | None:
    """Find the Chromium of the browser tests: NUKARUMI_CHROMIUM, or the one on the path."""
    named = os.environ.get("NUKARUMI_CHROMIUM")
    return named or next((found for found in map(shutil.which, NAMES) if found), None)


def has_japanese() -> bool:
    """Whether some font on this machine has Japanese letters."""
    listing = shutil.which("fc-list")
    if listing is None:
        return False
    found = subprocess.run([listing, ":lang=ja", "family"], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())


def main() -> int:
    missing = [name for name, there in (("chromium", browser()), ("fonts-noto-cjk", has_japanese())) if not there]
    if not missing:
        say(f"The browser tests have what they need: {browser()}, and Japanese letters.")
        return 0
    for name in missing:
        say(f"Missing: {name} ({PACKAGES[name]}).")
    apt = shutil.which("apt-get")
    if apt is None:
        return fail(
            "There is no apt-get here. Install a Chromium and a Japanese font in your system's own way, and name the "
            "browser in NUKARUMI_CHROMIUM if it is not on the path."
        )
    become_root: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        if sudo is None:
            return fail(
                f"Installing needs root, and there is no sudo. Run as root: apt-get install {' '.join(missing)}"
            )
        become_root = [sudo]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "fontconfig", *missing]):
        command = [*become_root, apt, *words]
        say(f"$ {' '.join(command)}")
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            return fail(f"`{' '.join(command)}` ended with code {done.returncode}; its words are above.")
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fail(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
