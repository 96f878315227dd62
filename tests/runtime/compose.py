"""`docker-compose.yml` as typed data: the part of Compose's language that the file may use."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ROOT = Path(__file__).resolve().parents[2]


class Strict(BaseModel):
    """A misspelt key is an error; keys that begin with x- are the file's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedPort(Strict):
    """`[host:]published:container`."""

    host: str
    published: int
    container: int


def read_port(text: object) -> object:
    if not isinstance(text, str):
        return text
    *host, published, container = text.split(":")
    return {"host": ":".join(host), "published": published, "container": container}


class Build(Strict):
    context: str
    dockerfile: str = "Dockerfile"


class Healthcheck(Strict):
    test: list[str] = Field(min_length=2)
    interval: str
    timeout: str
    retries: int
    start_period: str = "0s"


class Dependency(Strict):
    condition: Literal["service_healthy", "service_completed_successfully"]


class ConfigMount(Strict):
    source: str
    target: str


class Service(Strict):
    image: str
    build: Build | None = None
    command: list[str] = []
    entrypoint: list[str] = []
    environment: dict[str, str] = {}
    secrets: list[str] = []
    configs: list[ConfigMount] = []
    volumes: list[str] = []
    ports: list[Annotated[PublishedPort, BeforeValidator(read_port)]] = []
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    restart: str
    init: bool = False
    cap_drop: list[str] = []
    security_opt: list[str] = []
    shm_size: str = ""
    stop_grace_period: str = "10s"

    @property
    def is_ours(self) -> bool:
        return self.image == "client-to-cash"

    @property
    def is_job(self) -> bool:
        """It ends when its work is done."""
        return self.restart.startswith("on-failure")


class SecretSource(Strict):
    environment: str


class ConfigSource(Strict):
    content: str


class Compose(Strict):
    name: str
    services: dict[str, Service]
    configs: dict[str, ConfigSource]
    secrets: dict[str, SecretSource]
    volumes: dict[str, None]

    @property
    def ours(self) -> dict[str, Service]:
        """The services that run the product's own image."""
        return {name: service for name, service in self.services.items() if service.is_ours}


def read_compose() -> Compose:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return Compose.model_validate({k: v for k, v in document.items() if not k.startswith("x-")})
