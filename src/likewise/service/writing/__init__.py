"""Images that clients add: which keys they may have, where their files lie, and how they come in durably."""

from likewise.service.writing.committing import Incoming, Outcome, Status
from likewise.service.writing.front import Writing
from likewise.service.writing.keys import UPLOADS, upload_key

__all__ = ["UPLOADS", "Incoming", "Outcome", "Status", "Writing", "upload_key"]
