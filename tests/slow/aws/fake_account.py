"""What moto lacks of an account that `doctor` looks at: SageMaker's quotas, and IAM's simulator.

The simulator judges the roles' inline policies with the judge that tests of the template have.
"""

from __future__ import annotations

import json
from typing import Any

import policies
from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.servicequotas.responses import ServiceQuotasResponse

# As AWS published the defaults: a fresh account has none of most types.
DEFAULTS = {
    "ml.m5.large for processing job usage": 0.0,
    "ml.m5.xlarge for processing job usage": 0.0,
    "ml.t3.medium for processing job usage": 4.0,
    "ml.t3.large for processing job usage": 4.0,
    "ml.t3.xlarge for processing job usage": 2.0,
    "Maximum number of instances per processing job": 20.0,
}

applied: dict[str, float] = {}
"""The account's own quotas, by name."""


def install() -> None:
    """Teaches moto. Harmless when done twice."""
    ServiceQuotasResponse.list_service_quotas = _applied  # type: ignore[attr-defined]
    ServiceQuotasResponse.list_aws_default_service_quotas = _defaults  # type: ignore[method-assign]
    IamResponse.simulate_principal_policy = _simulate  # type: ignore[attr-defined]


def _defaults(_: ServiceQuotasResponse) -> str:
    return _quotas(DEFAULTS)


def _applied(_: ServiceQuotasResponse) -> str:
    return _quotas(applied)


def _quotas(values: dict[str, float]) -> str:
    quotas = [
        {
            "ServiceCode": "sagemaker",
            "QuotaCode": f"L-{abs(hash(name)) % 0xFFFFFFFF:08X}",
            "QuotaName": name,
            "Value": value,
            "Adjustable": not name.startswith("Maximum"),
        }
        for name, value in values.items()
    ]
    return json.dumps({"Quotas": quotas})


def _simulate(self: Any) -> ActionResult:
    role = self.backend.get_role(self._get_param("PolicySourceArn").rpartition("/")[2])
    statements = [
        policies.without_nothing(statement)
        for text in role.policies.values()
        for statement in json.loads(text)["Statement"]
    ]
    context = tuple(
        (entry["ContextKeyName"], entry["ContextKeyValues"][0])
        for entry in self._get_param("ContextEntries") or []
    )

    def decision(action: str, resource: str) -> str:
        call = policies.Call(action, resource, context)
        return "allowed" if policies.allowed(statements, call) else "implicitDeny"

    resources = self._get_param("ResourceArns")
    results = []
    for action in self._get_param("ActionNames"):
        each = [
            {"EvalResourceName": one, "EvalResourceDecision": decision(action, one)}
            for one in resources
        ]
        verdicts = {one["EvalResourceDecision"] for one in each}
        results.append(
            {
                "EvalActionName": action,
                "EvalResourceName": resources[0],
                "EvalDecision": "allowed" if verdicts == {"allowed"} else "implicitDeny",
                "MissingContextValues": [],
                # as the service has it: only where there are several
                "ResourceSpecificResults": each if len(each) > 1 else [],
            }
        )
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
