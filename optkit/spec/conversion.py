"""How a model becomes a .tflite file, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from optkit.spec.gate import Gate, require
from optkit.spec.keys import ADDED_LATER

Precision = Literal["float32", "float16", "int8", "int4", "int2"]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How a Keras model becomes a .tflite file.

    `mode` is the post-training scheme. A model that carries fake quantization (quantization-aware training) and
    is converted as `int8` uses the ranges it was trained with; any other `int8` conversion is calibrated on
    `calibration_samples` samples of the training split, drawn with `calibration_seed`.

    - `granularity`: one scale for each output channel of a weight tensor, one for the whole tensor, or with `blockwise`
      one for each `block_size` inputs of an output (32, 64, 128 or 256). Blocks are for the int4 weights of dense
      layers; all others keep `per_channel`.
    - `calibration`: how `int8` chooses the range of each activation. `min_max` is the converter's own; `percentile`
      keeps the values between the percentiles `100 - percentile` and `percentile` of those that are not zero. Model
      inputs and outputs always keep min and max: they are data, and clipped outputs tie.
    - `algorithm`: how LiteRT's quantizer chooses integer weights. `min_max` spreads the integers over all weights that
      share a scale; `mse` (a rule for normally distributed weights) and `octav` (arXiv:2206.06501) clip some for a
      smaller squared error; `gptq` (arXiv:2210.17323) rounds the weights of dense layers so that errors on the
      calibration samples cancel; `oscar` scales the inputs of dense layers by what the calibration samples are like,
      and `hadamard` rotates them, so that few weights stand out: both add operators to the file, and leave activations
      in float. The layers that an algorithm is not for keep `min_max`.
    - `equalize`: bring the channels between two layers to one scale before they are quantized (Nagel et al. 2019,
      arXiv:1906.04721, section 4.1).
    - `bias_correction`: take out of each bias what rounding the weights adds to the layer's mean output, seen on the
      calibration samples (Nagel et al. 2019, arXiv:1906.04721, section 4.2).
    - `layers`: the precision of the weights of single layers; a key is a Keras layer name and may hold `*` and `?`;
      the last that matches wins. Its integer layers run as the mode's do: with integer activations in `int8` and
      `int16x8`, else quantizing activations as they come. In these two modes `float32` also keeps operators without
      weights in float, such as batch normalization that stands by itself: by any part of the name of what they give.
    - `sparse`: TensorFlow Lite's sparse encoding of weights with many zeros.
    - `strip`: remove strings and metadata that the runtime does not need: `keep_names` keeps the names of inputs,
      outputs, signatures and weights, so that the file is used as before; `all` keeps none, so that nothing can be said
      of a layer by its name any more; `smallest` also writes the file in as few bytes as it can, and keeps signatures
      only of several inputs or outputs; `nothing` removes nothing.
    """

    version: ClassVar[int] = 3

    mode: Literal["float32", "float16", "dynamic_range", "int8", "int16x8", "int4_weights"] = "float32"
    input_type: Literal["float32", "int8", "uint8", "int16"] = "float32"
    output_type: Literal["float32", "int8", "uint8", "int16"] = "float32"
    granularity: Literal["per_channel", "per_tensor", "blockwise"] = "per_channel"
    calibration: Literal["min_max", "moving_average", "percentile", "kl", "l2"] = "min_max"
    percentile: float = 99.99
    calibration_samples: int = 300
    calibration_seed: int = 1
    layers: dict[str, Precision] = field(default_factory=dict)
    sparse: bool = False
    strip: Literal["nothing", "keep_names", "all", "smallest"] = "keep_names"
    algorithm: Literal["min_max", "mse", "octav", "gptq", "oscar", "hadamard"] = field(
        default="min_max", metadata=ADDED_LATER
    )
    block_size: Literal[32, 64, 128, 256] = field(default=32, metadata=ADDED_LATER)
    equalize: bool = field(default=False, metadata=ADDED_LATER)
    bias_correction: bool = field(default=False, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        require(
            self.calibration_samples >= 1,
            f"calibration_samples is {self.calibration_samples}; expected 1 or more",
        )
        allowed = {"int8": ("float32", "int8", "uint8"), "int16x8": ("float32", "int16")}.get(self.mode, ("float32",))
        for name in ("input_type", "output_type"):
            got = getattr(self, name)
            require(got in allowed, f"{name} is {got!r}; mode {self.mode!r} allows {', '.join(allowed)}")
        require(
            self.calibration == "min_max" or self.mode == "int8",
            f"calibration is {self.calibration!r}, which is for mode 'int8'; mode {self.mode!r} takes 'min_max'",
        )
        require(50 < self.percentile <= 100, f"percentile is {self.percentile}; expected above 50 and up to 100")
        integers = self.integer_weights or bool(self.layers)
        plain_fields = {"granularity": "per_channel", "algorithm": "min_max"}
        for name, plain in {**plain_fields, "equalize": False, "bias_correction": False}.items():
            got = getattr(self, name)
            require(
                got == plain or integers,
                f"{name} is {got!r}, but mode {self.mode!r} has no integer weights; drop it",
            )
        self._check_floating()
        require(
            not self.bias_correction or self.algorithm not in ("oscar", "hadamard"),
            f"bias_correction is true, and algorithm {self.algorithm!r} rewrites the weights; drop one of them",
        )
        require(
            not self.sparse or not (self.uses_quantizer or self.mode == "int16x8"),
            "sparse goes with modes float32, float16, dynamic_range and int8, with calibration and "
            "algorithm 'min_max' and without layers, equalize and bias_correction; drop one of them",
        )

    def _check_floating(self) -> None:
        """Refuse with integer activations what needs them in float."""
        for name, got in (("algorithm", self.algorithm), ("granularity", self.granularity)):
            require(
                got not in ("oscar", "hadamard", "blockwise") or self.mode not in ("int8", "int16x8"),
                f"{name} is {got!r}, which leaves activations in float, and mode {self.mode!r} makes them integers; "
                "take mode 'dynamic_range' or 'int4_weights'",
            )
        require(
            self.granularity != "blockwise" or self.algorithm != "mse",
            "algorithm is 'mse', which has one scale a channel or tensor, and granularity is 'blockwise'; drop one",
        )
        require(
            self.granularity == "blockwise" or self.block_size == 32,
            f"block_size is {self.block_size}, and granularity is {self.granularity!r}; set granularity = 'blockwise'",
        )
        require(
            self.granularity != "blockwise" or self.mode == "int4_weights" or "int4" in self.layers.values(),
            "granularity is 'blockwise', which is for int4 weights, and there are none; take mode 'int4_weights'",
        )

    @property
    def uses_quantizer(self) -> bool:
        """Whether LiteRT's quantizer does it, on the float file; the TensorFlow Lite converter does all else."""
        other = self.calibration != "min_max" or self.algorithm != "min_max" or self.granularity == "blockwise"
        changed = self.equalize or self.bias_correction
        return bool(self.layers) or changed or self.mode == "int4_weights" or other

    @property
    def needs_samples(self) -> bool:
        """Whether it looks at calibration samples."""
        return self.mode in ("int8", "int16x8") or self.algorithm in ("gptq", "oscar") or self.bias_correction

    def promises(self) -> tuple[Gate, ...]:
        """Return the bounds on the finished file that this mode implies: integer weights, no fake quantization left."""
        whole = Gate(metric="leftover_wrappers", max=0, origin=f"conversion {self.mode}")
        floats = {"float32", "float16"} & set(self.layers.values())
        if self.mode in ("float32", "float16") or floats or self.algorithm == "hadamard":  # its rotations are in float
            return (whole,)
        metric = "integer_large_weights" if self.mode == "dynamic_range" else "integer_weights"
        return (whole, Gate(metric=metric, min=1.0, origin=f"conversion {self.mode}"))

    @property
    def integer_weights(self) -> bool:
        """Whether the mode makes weights integers."""
        return self.mode not in ("float32", "float16")

    @property
    def integer_activations(self) -> bool:
        """Whether activations become integers too: each operator then needs an integer kernel."""
        return self.mode in ("int8", "int16x8")
