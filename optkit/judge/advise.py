"""Which recipe to start with, from the data at hand, the hardware and the wish: TensorFlow's decision tree as a value.

Law: an advice never contradicts `SCHEMES`, the table that TensorFlow Lite's guide on model optimization gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from optkit.errors import SuiteError
from optkit.suites import load_suite, suite_text

DataAtHand = Literal["labelled", "unlabelled", "none"]
Target = Literal["cpu", "gpu", "edge_tpu", "microcontroller"]
Wish = Literal["smallest", "fastest", "accuracy"]
DATA: tuple[DataAtHand, ...] = ("none", "unlabelled", "labelled")
"""From least to most: labelled data serve as unlabelled too."""
TARGETS: tuple[Target, ...] = ("cpu", "gpu", "edge_tpu", "microcontroller")
WISHES: tuple[Wish, ...] = ("smallest", "fastest", "accuracy")
HARDWARE: dict[str, Target] = {"tflite_micro": "microcontroller", "vela": "microcontroller", "litert": "cpu"}
"""What a target of a suite is, by its runtime or compiler."""
_INTEGER_ONLY = ("edge_tpu", "microcontroller")
_BUILT_IN = "mnist"


@dataclass(frozen=True)
class Scheme:
    """A row of the guide's table: the data it needs, the reduction in size it promises (a fraction), where it runs."""

    title: str
    data: DataAtHand
    reduction: float
    hardware: tuple[Target, ...]
    mode: str
    steps: tuple[str, ...] = ()
    built_in: str | None = None
    """The variant of the built-in suite `mnist` that is made in the same way; None when there is none."""


_EVERYWHERE: tuple[Target, ...] = TARGETS
_QAT = '{ technique = "quantize_aware" }'
_QAT_SPARSE = '{ technique = "quantize_aware", preserve = "sparsity" }'

SCHEMES: dict[str, Scheme] = {
    "float16": Scheme("post-training float16", "none", 0.5, ("cpu", "gpu"), "float16"),
    "dynamic_range": Scheme(
        "post-training dynamic range", "none", 0.75, ("cpu", "gpu"), "dynamic_range", built_in="dynamic_range"
    ),
    "int8": Scheme("post-training full integer", "unlabelled", 0.75, _EVERYWHERE, "int8", built_in="int8"),
    "qat": Scheme("quantization-aware training", "labelled", 0.75, _EVERYWHERE, "int8", (_QAT,), "qat_tflite"),
    "pruned_qat": Scheme(
        "pruning, then quantization-aware training that keeps the zeros",
        "labelled",
        0.75,
        _EVERYWHERE,
        "int8",
        ('{ technique = "prune" }', _QAT_SPARSE),
        "pruned_qat_tflite",
    ),
}

_WHY = {
    "float16": "half the size at next to no loss of accuracy, and it needs no data; GPUs compute in float16",
    "dynamic_range": "8-bit weights, a quarter of the size, without any data; activations stay float",
    "int8": "weights and activations are 8-bit integers; unlabelled samples are enough to calibrate the ranges",
    "qat": "integers as with post-training int8, and the network was trained to bear them: it loses less accuracy",
    "pruned_qat": "zeros compress well, and quantization-aware training keeps both them and the accuracy; the zipped "
    "file shrinks further, the file itself and its latency do not",
}


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to build, why, the command that builds it, and what to try when it does not do.

    `scheme` is a key of `SCHEMES`, or None when no scheme runs on `target` with that `data`; then `variant`, `table`
    and `command` are empty. `table` is the variant as TOML, for a suite whose baseline is called "baseline".
    """

    data: DataAtHand
    target: Target
    wish: Wish
    scheme: str | None
    title: str
    why: str
    variant: str
    table: str
    command: str
    otherwise: tuple[str, ...]


def advise(data: DataAtHand, target: Target, wish: Wish) -> Advice:
    """Return the recipe to start with."""
    name = choose(data, target, wish)
    if name is None:
        return Advice(
            data=data,
            target=target,
            wish=wish,
            scheme=None,
            title="no scheme fits",
            why=f"{target} runs integers only, and integer ranges need samples to calibrate on",
            variant="",
            table="",
            command="",
            otherwise=("gather 100 to 500 unlabelled samples like those it will see; then --data unlabelled",),
        )
    scheme = SCHEMES[name]
    integer_io = target in _INTEGER_ONLY
    variant = (
        scheme.built_in if scheme.built_in and not integer_io else f"{name}_{'integer_io' if integer_io else 'tflite'}"
    )
    own_file = f"optkit advise --data {data} --target {target} --wish {wish} --write advised.toml"
    build = f"optkit build {_BUILT_IN if variant == scheme.built_in else 'advised.toml'} --variants {variant}"
    return Advice(
        data=data,
        target=target,
        wish=wish,
        scheme=name,
        title=scheme.title,
        why=_WHY[name],
        variant=variant,
        table=_table(scheme, variant, integer_io),
        command=build if variant == scheme.built_in else f"{own_file} && {build}",
        otherwise=_otherwise(name, data, target, wish),
    )


def choose(data: DataAtHand, target: Target, wish: Wish) -> str | None:
    """Return the key in `SCHEMES` of the recipe to start with, None when none fits."""
    if target in _INTEGER_ONLY and data == "none":
        return None
    if target == "gpu" and wish != "smallest":
        return "float16"
    if data == "labelled":
        return "pruned_qat" if wish == "smallest" else "qat"
    if wish == "accuracy" and target not in _INTEGER_ONLY:
        return "float16"
    return "int8" if data == "unlabelled" else "dynamic_range"


def suite_with(advice: Advice, name_or_path: str = _BUILT_IN) -> str:
    """Return the text of a suite with the advised variant added, made from that suite's baseline.

    Raises SuiteError when there is no such suite, it has a variant of that name, or no scheme fits.
    """
    suite = load_suite(name_or_path)
    if advice.scheme is None:
        raise SuiteError(f"there is no variant to write: {advice.why}; {advice.otherwise[0]}")
    if advice.variant in {variant.name for variant in suite.variants}:
        command = f"optkit build {name_or_path} --variants {advice.variant}"
        raise SuiteError(f"suite {name_or_path!r} has variant {advice.variant!r} already; build it with: {command}")
    table = advice.table.replace('from = "baseline"', f'from = "{suite.baseline}"')
    return f"{suite_text(name_or_path).rstrip()}\n\n# --- Advised: {advice.title} ---\n\n{table}\n"


def _table(scheme: Scheme, variant: str, integer_io: bool) -> str:
    types = ', input_type = "int8", output_type = "int8"' if integer_io else ""
    lines = [f"[variants.{variant}]", 'from = "baseline"']
    if scheme.steps:
        lines.append(f"steps = [{', '.join(scheme.steps)}]")
    return "\n".join([*lines, f'conversion = {{ mode = "{scheme.mode}"{types} }}'])


def _otherwise(name: str, data: DataAtHand, target: Target, wish: Wish) -> tuple[str, ...]:
    """Return what to try next, most promising first."""
    tips: list[str] = []
    if name in ("dynamic_range", "int8") and wish != "smallest":
        need = "" if data == "labelled" else " (needs labelled data)"
        tips.append(f"when accuracy or latency falls short: quantization-aware training{need}")
    if name in ("int8", "qat") and target != "edge_tpu":
        tips.append('when activations bear 8 bits badly: mode = "int16x8", as small, more accurate, slow on a CPU')
    if name in ("qat", "pruned_qat") and target in ("cpu", "gpu"):
        tips.append('when accuracy still falls short: mode = "float16", half the size at next to no loss')
    if name == "float16" and target == "cpu":
        further = {"labelled": "quantization-aware training", "unlabelled": "full integer", "none": "dynamic range"}[
            data
        ]
        tips.append(f"when half the size is not small enough: {further}")
    if wish != "smallest" or data != "labelled":
        tips.append("when the download must shrink further: prune or cluster before quantizing (needs labelled data)")
    if target == "cpu":
        tips.append("speed differs between processors: measure with pytest --benchmark-only before you ship")
    return tuple(tips)
