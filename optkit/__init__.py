"""Evidence for model compression: build, measure and gate every optimized variant of a model.

What is public stands in `__init__.pyi`, and is imported when it is first used.
"""

from __future__ import annotations

import lazy_loader

import optkit.process.interrupts  # noqa: F401 (first: the command handles signals from here on)

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
