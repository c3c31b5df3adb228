"""Makes the README's pictures of the lab and of a report, from the real pages, in both languages.

    pip install -e '.[test]' && python tests/prepare.py && python docs/make_screenshots.py

It runs the race of the README (half a minute), opens a handout and the race's report in Chromium, and takes pictures.
"""

import importlib.util
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from nukarumi.lab import write_handout, write_report
from nukarumi.race import race

HERE = Path(__file__).parent
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-color-profile=srgb"]
SHOTS = {  # picture: page, address, width and height
    "lab": ("lab", "#t=12", (1440, 1180)),
    "report": ("report", "", (1280, 1500)),
}


def find_browser() -> str:
    """Ask tests/prepare.py, which knows where the browser is."""
    spec = importlib.util.spec_from_file_location("prepare", HERE.parent / "tests" / "prepare.py")
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    return prepare.browser() or ""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder)
        pages = {"lab": write_handout(place / "lab.html"), "report": write_report(race(out=place / "race"))}
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for name, (page, address, (width, height)) in SHOTS.items():
            for lang, ending in (("en-GB", ""), ("ja-JP", ".ja")):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    locale=lang,
                    color_scheme="light",
                    reduced_motion="reduce",
                )
                shown = context.new_page()
                shown.goto(pages[page].as_uri() + address)
                shown.get_by_role("heading", level=1).wait_for()
                shown.wait_for_timeout(1500)
                target = HERE / "pictures" / f"{name}{ending}.jpg"
                shown.screenshot(path=target, type="jpeg", quality=86)
                context.close()
                print(f"wrote {target.name}, {target.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
