"""A collection on Milvus, a server for galleries that are larger, or shared by more, than one machine's folder: docs/milvus.md."""

from likewise.stores.milvus.address import Access, Address, is_address
from likewise.stores.milvus.store import MilvusStore

__all__ = ["Access", "Address", "MilvusStore", "is_address"]
