"""Where things that can be made again are kept: a cache of the user, and state of this clone."""

from pathlib import Path
from typing import Final

from runtime.settings import LocalSettings

PROJECT: Final = "client-to-cash"
CACHE_TAG: Final = "Signature: 8a477f597d28d172789f06886806bc55\n"


def cache_directory(settings: LocalSettings | None = None) -> Path:
    """The user's cache, shared by all clones: C2C_CACHE_DIR, else below XDG_CACHE_HOME."""
    chosen = settings or LocalSettings()
    home = chosen.xdg_cache_home or Path.home() / ".cache"
    directory = _made((chosen.cache_dir or home / PROJECT).expanduser())
    # Backup programs skip a directory so marked, and `make distclean` removes no other.
    tag = directory / "CACHEDIR.TAG"
    if not tag.exists():
        tag.write_text(CACHE_TAG)
    return directory


def state_directory(clone: Path | None = None) -> Path:
    """This clone's own state, `.local/`, which `make clean` removes."""
    return _made((clone or Path(__file__).resolve().parents[2]) / ".local")


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
