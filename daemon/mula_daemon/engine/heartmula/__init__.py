"""HeartMuLa: checkpoint, prompt, codec, streaming decode, and the engine made of them."""

from mula_daemon.engine.heartmula.health import findings
from mula_daemon.engine.heartmula.memory_plan import Demand, Plan
from mula_daemon.engine.heartmula.tag_guide import CATEGORIES, GUIDE, advice

__all__ = ["CATEGORIES", "GUIDE", "Demand", "Plan", "advice", "findings"]
