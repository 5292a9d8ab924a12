"""The OpenAPI document says what the service does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from serving import client_of

_EXAMPLES = 25  # of each operation and mode; drawn the same way every time
# What no schema can say: these bytes are no picture (415, 422), this filter is not written as one is (400).
_MAY_BE_REFUSED = ["2xx", "400", "401", "403", "404", "413", "415", "416", "422", "503"]
_CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": _MAY_BE_REFUSED}}}


@pytest.fixture(scope="module")
def living(photos: Path) -> Iterator[TestClient]:
    with client_of(photos) as client:
        yield client


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_a_declared_one(mode: GenerationMode, living: TestClient) -> None:
    config = SchemathesisConfig.from_dict(_CONFIG)
    schema = schemathesis.openapi.from_dict(living.get("/openapi.json").json(), config=config)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 15
    for operation in operations:
        _try(operation, mode, living)


def _try(operation: Any, mode: GenerationMode, living: TestClient) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def one(case: Any) -> None:
        answer = case.call(session=living, base_url="http://localhost:8765", headers={"X-Likewise": "1"})
        case.validate_response(answer)

    one()
