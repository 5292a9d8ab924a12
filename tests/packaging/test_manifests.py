"""What starts the whole elsewhere: valid by the schemas of Kubernetes, and calls `likewise` in ways that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from likewise.cli.serve import serve

PACKAGING = Path(__file__).parents[2] / "packaging"
MANIFESTS = sorted((PACKAGING / "kubernetes").glob("*.yaml"))
DOCUMENTS = [
    pytest.param(document, id=f"{path.stem}-{document['kind']}")
    for path in MANIFESTS
    for document in yaml.safe_load_all(path.read_text("utf-8"))
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_manifests_are_what_kubernetes_takes(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.30", strict=True)


def containers(path: Path, kind: str) -> dict[str, dict[str, Any]]:
    (found,) = (each for each in yaml.safe_load_all(path.read_text("utf-8")) if each["kind"] == kind)
    return {each["name"]: each for each in found["spec"]["template"]["spec"]["containers"]}


def test_a_wrong_manifest_would_be_refused() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": 80}},
            "1.30",
            strict=True,
        )


def test_servers_are_called_as_the_command_line_has_it() -> None:
    deployed = containers(PACKAGING / "kubernetes" / "likewise.yaml", "Deployment")["likewise"]
    composed = yaml.safe_load((PACKAGING / "compose.yaml").read_text("utf-8"))["services"]["likewise"]
    for command in (deployed["args"], composed["command"]):
        assert command[0] == "serve"
        given = serve.make_context("serve", list(command[1:]), resilient_parsing=False).params
        assert "milvus://milvus:19530/photos" in [str(each) for each in given["folders"]]
        assert (given["host"], given["port"]) == ("0.0.0.0", deployed["ports"][0]["containerPort"])
        assert given["tokens"]
    assert deployed["securityContext"]["readOnlyRootFilesystem"]
    assert composed["read_only"]
