"""The same picture again: images of a gallery that are copies of each other, exact ones and near ones. docs/duplicates.md."""

from likewise.duplicates.finding import find
from likewise.duplicates.types import KEEPS, LINKAGES, VERIFIERS, Duplicates, Group, Member, Wanted

__all__ = ["KEEPS", "LINKAGES", "VERIFIERS", "Duplicates", "Group", "Member", "Wanted", "find"]
