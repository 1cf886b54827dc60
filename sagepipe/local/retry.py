"""RetryPolicies: which failures are tried again, how often, and after what wait.

A policy covers the types of exception that it names. None covers a script's own failure
(AlgorithmError): a non-zero exit is never tried again. On this machine only one type arises by
itself, `SageMaker.JOB_INTERNAL_ERROR`: this machine, not the script, failed the job (a full disk
while inputs are laid out or outputs collected, no more processes or memory to start an instance,
namespaces that can't be made). The others can be brought about with `--fault`, to see a policy at
work.

Chosen where the service isn't documented: MaxAttempts counts the tries after the first;
ExpireAfterMin counts from the start of the first try, and a try that would start later isn't made;
each policy counts its own tries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sagepipe.errors import ParameterError
from sagepipe.language.retries import DEFAULT_TYPES, TYPES, RetryPolicy

PLAYED = "as --fault asks"  # how the reason of a fault that was brought about ends


@dataclass
class Retries:
    """The policies of one step, and how often each has been used."""

    policies: Sequence[RetryPolicy]
    used: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: Sequence[RetryPolicy]) -> Retries:
        """A step's own, and the service's for what it retries by default."""
        return cls([*declared, RetryPolicy(DEFAULT_TYPES)])

    def wait(self, exception_type: str, elapsed: float) -> float | None:
        """Seconds to wait before the next try, or None for no further one.

        `elapsed` is the time since the first try began.
        """
        for index, policy in enumerate(self.policies):
            if exception_type not in policy.types:
                continue
            used = self.used.get(index, 0)
            pause = policy.pause(used)
            if used >= policy.attempts:
                return None
            if policy.expires is not None and elapsed + pause > policy.expires:
                return None
            self.used[index] = used + 1
            return pause
        return None


@dataclass
class Fault:
    """A failure that the user wants to see: the step's next `times` tries fail with this type."""

    step: str
    exception_type: str
    times: int = 1

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read STEP=TYPE or STEP=TYPE*N. Raises ParameterError."""
        step, _, rest = text.partition("=")
        kind, _, times = rest.partition("*")
        if not step or kind not in TYPES or not (times or "1").isdigit():
            raise ParameterError(
                f"--fault {text}: write --fault STEP=TYPE, or STEP=TYPE*N for N times; "
                f"TYPE is one of {', '.join(TYPES)}"
            )
        return cls(step, kind, int(times or 1))

    def strikes(self, step: str) -> bool:
        """Whether this try of a step fails; uses the fault up."""
        if step != self.step or self.times < 1:
            return False
        self.times -= 1
        return True
