"""All that can be said of one file without a clock, as one value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from optkit.inspect.contents import Constant, Sizes, weigh
from optkit.inspect.leftovers import Leftover, find_leftovers
from optkit.inspect.memory import Activations, activations
from optkit.inspect.operators import GraphInfo, Operator, SignatureInfo
from optkit.inspect.reading import read_graphs, read_signatures
from optkit.inspect.running import Running, look_at_running
from optkit.tflite.verify import map_file, verify

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """An operator of subgraph 0 that only changes the type or the scale of values; `constant`: those of weights."""

    operator: int
    kind: str
    before: str
    after: str
    elements: int
    constant: bool


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is in the .tflite file at `path`, and how it runs here. Figures are of one sample, or the fixed batch.

    `macs` are the multiply-adds of subgraph 0; of operators that nobody can count (`uncounted`), none are in it.
    `parameters` are weights and biases, each counted once. `leftovers` and `boundaries` are of subgraph 0.
    """

    path: str
    graphs: tuple[GraphInfo, ...]
    signatures: tuple[SignatureInfo, ...]
    sizes: Sizes
    constants: tuple[Constant, ...]
    macs: int
    uncounted: tuple[int, ...]
    parameters: int
    activations: Activations
    running: Running
    boundaries: tuple[Boundary, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def main(self) -> GraphInfo:
        """The subgraph that LiteRT's interpreter runs."""
        return self.graphs[0]

    def by_type(self, role: str = "") -> dict[str, int]:
        """Return the bytes of constants by type, the most first; of one `role`, or of all."""
        found: dict[str, int] = {}
        for one in self.constants:
            if not role or one.role == role:
                found[one.dtype] = found.get(one.dtype, 0) + one.bytes
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def inspect_model(path: str | Path, *, threads: int = 1, batch: int = 1, seconds: float | None = None) -> Inspection:
    """Return what is in the .tflite file at `path`, whoever made it, and how LiteRT runs it here.

    The file is verified first. It meets LiteRT in a process of its own, within `seconds` (default: 3, and one more
    for every 10 MB), with `batch` samples a call on `threads` threads; when it cannot be run there, `running.error`
    says why, and all else is said all the same. Needs no TensorFlow. Raises ArtifactError, one line, when the file
    cannot be read, is no .tflite file or is damaged.
    """
    path = Path(path)
    data = map_file(path)
    model = verify(data, path)
    graphs = read_graphs(model)
    with ThreadPoolExecutor(1) as other:  # while another process loads the file
        weighed = other.submit(weigh, model, data, graphs)
        running = look_at_running(path, graphs[0], threads=threads, batch=batch, seconds=seconds)
        constants, sizes = weighed.result()
    main = graphs[0]
    return Inspection(
        path=str(path),
        graphs=graphs,
        signatures=read_signatures(model),
        sizes=sizes,
        constants=constants,
        macs=sum(operator.macs or 0 for operator in main.operators),
        uncounted=tuple(operator.index for operator in main.operators if operator.macs is None),
        parameters=sum(_elements(one) for one in constants if one.role in ("weights", "bias")),
        activations=activations(main),
        running=running,
        boundaries=tuple(_boundary(main, one) for one in main.operators if one.kind in _CONVERSIONS),
        leftovers=find_leftovers(model, main),
    )


def _elements(constant: Constant) -> int:
    found = 1
    for size in constant.shape:
        found *= size
    return found


def _boundary(graph: GraphInfo, operator: Operator) -> Boundary:
    read, made = (
        graph.tensors[part[0]] if part and part[0] >= 0 else None for part in (operator.inputs, operator.outputs)
    )
    return Boundary(
        operator=operator.index,
        kind=operator.kind,
        before=read.dtype if read else "",
        after=made.dtype if made else "",
        elements=made.elements if made else 0,
        constant=bool(read and read.constant),
    )
