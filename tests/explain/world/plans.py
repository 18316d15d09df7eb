"""All plans."""

from . import faulty, healthy
from .plan import PLANS

__all__ = ["PLANS", "faulty", "healthy"]
