"""`optkit mnn`: make the .mnn file that is shipped, of a float .tflite file."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, get_args

from optkit.build.artifact import zipped_bytes
from optkit.commands.command import Command, add_time_limit, count, folder
from optkit.convert.mnn import CALIBRATED, MNNConversion, Quantization
from optkit.errors import DataError, OptkitError
from optkit.names import shown
from optkit.runtime.mnn_files import make_mnn, read_calibration
from optkit.runtime.registry import find_runtime

SCHEMA = 1
"""Of what --json prints."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.tflite", help="a float .tflite file")
    parser.add_argument("-o", "--output", type=folder, required=True, metavar="FILE.mnn", help="write it there")
    about = "how MNN makes it smaller: weights and activations int8 (kl, admm, ema), or weights alone (none)"
    parser.add_argument("--quantization", choices=get_args(Quantization), default="none", help=about)
    about = "training samples, .npz or .npy, prepared as the model takes them: for kl, admm and ema"
    parser.add_argument("--calibration", type=Path, metavar="FILE", help=about)
    parser.add_argument("--samples", type=count, default=256, metavar="N", help="how many of them are used (256)")
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    version = find_runtime("mnn").version()
    conversion = MNNConversion(quantization=options.quantization, calibration_samples=options.samples)
    if bool(options.calibration) != (conversion.quantization in CALIBRATED):
        needs = "needs --calibration" if conversion.quantization in CALIBRATED else "takes no --calibration"
        raise DataError(f"--quantization {conversion.quantization} {needs}; kl, admm and ema calibrate on samples")
    samples = read_calibration(options.calibration, options.model) if options.calibration else None
    content = make_mnn(options.model, conversion, samples, seconds=options.time_limit)
    _write(options.output, content)
    sizes = {
        "file_bytes": len(content),
        "zip_bytes": zipped_bytes(options.output),
        "from_file_bytes": options.model.stat().st_size,
        "from_zip_bytes": zipped_bytes(options.model),
    }
    result = {"schema": SCHEMA, "output": str(options.output), "mnn": version, "quantization": conversion.quantization}
    text = (
        f"{shown(str(options.output))}: {sizes['file_bytes']:,} bytes, {sizes['zip_bytes']:,} zipped "
        f"(MNN {version}, quantization {conversion.quantization}); "
        f"the .tflite file has {sizes['from_file_bytes']:,}, {sizes['from_zip_bytes']:,} zipped"
    )
    return {**result, **sizes}, text, 0


def _write(path: Path, content: bytes) -> None:
    """Write the file whole, or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            part = Path(file.name)
            file.write(content)
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written ({error.strerror}); give another file with -o") from error


MNN = Command(
    "make a .mnn file of a float .tflite file, quantized by MNN",
    "optkit mnn model.tflite -o model.mnn --quantization admm --calibration train.npz",
    _options,
    _run,
)
