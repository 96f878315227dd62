"""Where things that can be made again are kept: a cache of the user, and state of this clone."""

from pathlib import Path

from runtime.settings import LocalSettings

PROJECT = "client-to-cash"


def cache_directory(settings: LocalSettings | None = None) -> Path:
    """The user's cache, shared by all clones: C2C_CACHE_DIR, else below XDG_CACHE_HOME."""
    chosen = settings or LocalSettings()
    if chosen.cache_dir is not None:
        return _made(chosen.cache_dir.expanduser())
    home = chosen.xdg_cache_home or Path.home() / ".cache"
    return _made(home.expanduser() / PROJECT)


def state_directory(clone: Path | None = None) -> Path:
    """This clone's own state, `.local/`, which `make clean` removes."""
    return _made((clone or Path(__file__).resolve().parents[2]) / ".local")


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
