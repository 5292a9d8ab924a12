"""The OpenAPI document says what the service does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi

from likewise.service.app import create_app
from likewise.service.settings import Settings
from serving import draw_folder, index_folder

_EXAMPLES = 12  # of each operation and mode; drawn the same way every time
# What no schema can say: these bytes are no picture (415, 422), this filter is not written as one is (400).
_MAY_BE_REFUSED = ["2xx", "400", "401", "403", "404", "413", "415", "416", "422", "503"]
_CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": _MAY_BE_REFUSED}}}


_ADDRESS = "http://localhost:8765"


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # of how schemathesis draws
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_a_declared_one(mode: GenerationMode, tmp_path: Path) -> None:
    app = create_app(Settings((index_folder(draw_folder(tmp_path / "photos", each=4)),)))
    with asgi.get_client(app) as client:
        document = client.get(f"{_ADDRESS}/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(_CONFIG))
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) >= 15
        for operation in operations:
            operation.app = app
            _try(operation, mode, client)


def _try(operation: Any, mode: GenerationMode, client: Any) -> None:
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
        answer = case.call(session=client, base_url=_ADDRESS, headers={"X-Likewise": "1"})
        case.validate_response(answer)

    with contextlib.suppress(Unsatisfiable):  # an operation without parameters has no wrong ones
        one()
