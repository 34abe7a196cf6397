"""`python -m trainer.data.cache.decoding_process`: a process that decodes, started by `trainer.data.cache.workers`.

It reads JSON lines on stdin, first a plan (folder and outputs), then chunks of files, and answers each chunk with a
line on stdout.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.child_process import leave_signals_to_parent
from trainer.data.cache.decoding import ChunkDecoder, Output
from trainer.data.images.depth import Range, Ranges
from trainer.data.images.resizing import ImageSize


def main() -> None:
    """Answer chunks until stdin ends. The parent ends it so."""
    leave_signals_to_parent()
    plan = json.loads(sys.stdin.readline() or "null")
    if plan is None:
        return
    decoder = ChunkDecoder(Path(plan["root"]), [_output(values) for values in plan["outputs"]])
    for line in sys.stdin:
        chunk = json.loads(line)
        try:
            ranges = Ranges(*(Range(*span) for span in chunk["ranges"]))
            results = decoder.decode(chunk["rows"], chunk["memory_limit"], ranges)
            answer: dict[str, Any] = {"results": [None if item is None else asdict(item) for item in results]}
        except OSError as error:
            answer = {"errno": error.errno, "message": error.strerror}
        print(json.dumps(answer), flush=True)


def _output(values: dict[str, Any]) -> Output:
    return Output(ImageSize(*values["size"]), values["path"], values["offset"])


if __name__ == "__main__":
    main()
