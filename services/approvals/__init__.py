"""What an approval rests on, the policy it has to meet, and when it is void. Whoever changes evidence calls
`void_if_changed`; deciding itself is done by `services.review`."""

from services.approvals.approved import Approved, approved_of
from services.approvals.evidence import Evidence, evidence, glance
from services.approvals.guards import Guard, approval_guards, refuse_unless, since_approval, void_causes
from services.approvals.voiding import clear_approval, void_if_changed

__all__ = [
    "Approved",
    "Evidence",
    "Guard",
    "approval_guards",
    "approved_of",
    "clear_approval",
    "evidence",
    "glance",
    "refuse_unless",
    "since_approval",
    "void_causes",
    "void_if_changed",
]
