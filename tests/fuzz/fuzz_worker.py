"""Feed one target what atheris makes of its inputs: `fuzz_worker.py NAME RUNS CORPUS FOUND`."""

import hashlib
import json
import logging
import os
import random
import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["airview_herald"]):
    from fuzz_targets import TARGETS

from fuzz_inputs import mutated, scrambled

_LONGEST = 65_536
_SECONDS = 20
_MEGABYTES = 2_048
_PLAIN = 4  # one in so many is left to libFuzzer, which knows nothing of JSON


def main() -> None:
    """Feed it so many times, then tell how it went in `told.json` beside the corpus."""
    name, runs, corpus, found = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    target = TARGETS[name]
    # A warning would be told for each input.
    logging.getLogger("airview_herald").setLevel(logging.ERROR)
    broken: dict[str, int] = {}
    done = 0

    def feed(data: bytes) -> None:
        nonlocal done
        done += 1
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 - what may not be is told, and the rest is fed too
            place = hashlib.sha256(repr(_place(error)).encode()).hexdigest()[:12]
            path = found / place
            if place not in broken or len(data) < broken[place]:
                broken[place] = len(data)
                found.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))
        if done >= runs:
            told = {"runs": done, "broken": len(broken)}
            (corpus.parent / "told.json").write_text(json.dumps(told))
            sys.stderr.flush()
            os._exit(0)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.randrange(_PLAIN) == 0:
            return atheris.Mutate(data, most)
        return rng.choice((mutated, mutated, scrambled))(data, rng)[:most]

    options = (f"-max_len={_LONGEST}", f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEGABYTES}")
    artifacts = f"-artifact_prefix={corpus.parent}/"
    atheris.Setup(
        [sys.argv[0], *options, artifacts, "-len_control=0", str(corpus)],
        feed,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def _place(error: BaseException) -> list[tuple[str, int | None]]:
    """Return where an error came from: the last frames, which tell one fault from another."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return [(type(error).__name__, None), *((each.filename, each.lineno) for each in frames)]


if __name__ == "__main__":
    main()
