"""Where hydra finds YAML and schemas: ours, and those of other people's packages.

Nothing is imported to find a package's YAML; its algorithm or encoder is, when one of them asks
for the schema.
"""

from collections.abc import Callable, Collection
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS
from calql_vision.configs.entry_points import declared
from calql_vision.encoders import ENCODERS

CONFIGS = "calql_vision.configs"


@cache
def config_folders() -> tuple[Path, ...]:
    """Our folder of YAML, then those that packages declare as entry points `calql_vision.configs`.

    Raises ValueError for a folder that does not exist, and where two have the same file.
    """
    ours = Path(str(files(CONFIGS)))
    found = [ours, *(_folder(entry.value) for entry in declared(CONFIGS))]
    seen: dict[str, Path] = {}
    for folder in found:
        for path in sorted(folder.rglob("*.yaml")):
            name = str(path.relative_to(folder))
            if name in seen:
                raise ValueError(f"{path} has the name of {seen[name]}; give it another one")
            seen[name] = path
    return tuple(found)


def _folder(package: str) -> Path:
    """The folder of a package, which is not imported."""
    top, *rest = package.split(".")
    spec = find_spec(top)
    places = spec.submodule_search_locations if spec else None
    folders = [Path(place, *rest) for place in places or []]
    existing = [folder for folder in folders if folder.is_dir()]
    if not existing:
        raise ValueError(f"{package}, an entry point of {CONFIGS}, is no folder; repair it")
    return existing[0]


class PackageFolders(SearchPathPlugin):
    """Adds the folders of other packages, and the schemas, behind our own YAML."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in config_folders()[1:]:
            search_path.append(provider="calql-vision", path=f"file://{folder}")
        search_path.append(provider="calql-vision", path=f"{Schemas.scheme()}://")


class Schemas(ConfigSource):
    """schema/<algorithm> and schema/encoder/<encoder>: their dataclasses of options."""

    @staticmethod
    def scheme() -> str:
        return "calql-vision"

    def load_config(self, config_path: str) -> ConfigResult:
        group, name = _split(config_path)
        options = _OPTIONS[group](name)
        config = OmegaConf.structured(options)
        return ConfigResult(self.provider, self.full_path(), config, header={"package": None})

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return config_path.strip("/") in _NAMES

    def is_config(self, config_path: str) -> bool:
        group, name = _split(config_path)
        return name in _NAMES.get(group, ())

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        wanted = results_filter in (None, ObjectType.CONFIG)
        return sorted(_NAMES[config_path.strip("/")]) if wanted else []


_NAMES: dict[str, Collection[str]] = {"schema": AGENTS, "schema/encoder": ENCODERS}
_OPTIONS: dict[str, Callable[[str], type]] = {
    "schema": lambda name: AGENTS[name].options,
    "schema/encoder": lambda name: ENCODERS[name],
}


def _split(config_path: str) -> tuple[str, str]:
    group, _, name = config_path.strip("/").removesuffix(".yaml").rpartition("/")
    return group, name


@cache
def install() -> None:
    """Make both known to hydra, once."""
    for plugin in (Schemas, PackageFolders):
        Plugins.instance().register(plugin)
