"""Every target by its name: each takes bytes, and raises if a promise is broken.

From whatever it is fed comes a result, or a documented error of this package that shows no secret;
within the limits of what is read, and soon.
"""

import inspect
from collections.abc import Callable
from types import ModuleType

import fuzz_answers
import fuzz_files
import fuzz_tokens

Target = Callable[[bytes], None]


def _targets(*modules: ModuleType) -> dict[str, Target]:
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and list(inspect.signature(value).parameters) == ["data"]
        and not name.startswith("_")
    }


TARGETS = _targets(fuzz_answers, fuzz_tokens, fuzz_files)
