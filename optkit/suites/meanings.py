"""What each key of a suite file means, in a sentence: for the JSON Schema, and for the reference made of it."""

from __future__ import annotations

from optkit.spec.bounds import BUDGET_KEYS

MEANINGS: dict[str, dict[str, str]] = {
    "suite": {
        "schema": "Version of this form. 2 knows the short keys: model, data, task, metric, variants by name, budget.",
        "name": "The suite's name: letters, digits, `.`, `_` and `-`, at most 100.",
        "description": "Shown by `optkit list`. One line.",
        "extends": "Another suite, by name or path: tables are merged with its tables key by key.",
        "baseline": "The variant that drops, ratios and speed-ups are against.",
        "profiles": "Names of forms of this suite. Any table may hold `on.<profile>`.",
        "modes": "What benchmarks time.",
        "runtime": "What runs the .tflite files: `litert`, or another one that is installed.",
        "settings": "Its settings, or `tune`: for each mode the fastest that timing finds.",
        "workload": "Data set, network, training and task.",
        "variants": "Names of recipes and of finished .tflite files, or tables by name.",
        "budget": "Gates in one line, for all variants but the baseline and those that a gate of its metric names.",
        "gates": "Bounds that must hold.",
        "search": "What `optkit search` may choose: a variant's table whose values may be ranges and choices.",
        "targets": "Places to run, by name, each with limits: a runtime or a compiler.",
    },
    "workload": {
        "dataset": "A built-in data set, by name or with its parameters.",
        "network": "A built-in network, by name or with its parameters.",
        "model": "Your trained model: a .keras, .h5 or .tflite file, a SavedModel folder (relative to this file), or "
        "`package.module:function`.",
        "data": "Your data: an .npz file, a folder of images, or `package.module:function`; or a table.",
        "task": "What the model does. Of your own model it is worked out, and said.",
        "output": "Which of the model's outputs is judged, when it has several.",
        "metric": "How well it does that: a metric of the task, or `package.module:function`.",
        "better": "Which direction of a metric of your own is better: higher or lower.",
        "custom_objects": "A module with the classes that your model is made of. You must allow it.",
        "training": "How a network is trained. With a model of your own: keys for all recipes that train.",
        "seed": "Of training.",
    },
    "data": {
        "path": "The file, the folder or the function.",
        "test_share": "The share that goes to the test split, of data that are not split (0.2).",
        "seed": "Draws the test split.",
        "classes": "How many classes there are, where neither model nor labels say it.",
        "scale": "Samples are multiplied by it (images: 1/255).",
        "mean": "Then it is subtracted: one number, or one for each place of the last axis.",
        "std": "Then samples are divided by it: one number, or one for each place of the last axis.",
        "size": "Height and width that images are brought to. By default those of the model's input.",
        "channels": "1 (grey) or 3 (colour) for images. By default those of the model's input.",
        "channels_first": "Images as (channels, height, width), as PyTorch has them. By default as the model's input.",
    },
    "variant": {
        "from": "A variant above, whose network, training and steps this one continues.",
        "model": "A finished .tflite file beside yours, float or quantized: it is measured as it is.",
        "network": "Another network than the workload's.",
        "training": "Single keys in place of the workload's training.",
        "steps": "Techniques, in their order.",
        "conversion": "How the model becomes a .tflite file. Without it the variant is a Keras file.",
        "runtime": "What runs its file. By default as the suite says.",
        "settings": "Settings of the runtime, or `tune`. By default as the suite says.",
    },
    "budget": {
        "file_bytes": "At most so many bytes.",
        "zip_bytes": "At most so many bytes in a ZIP.",
        "drop": "At most so much worse than the baseline, in the metric's own unit.",
        "accuracy": "At least so accurate: a fraction.",
        "size_ratio": "At least so many times smaller, zipped.",
        "single_sample_us": "At most so many microseconds for a call with one sample (median).",
        "single_batch_us": "At most so many microseconds for a call with 32 samples (median).",
        "full_set_s": "At most so many seconds for the whole test set (median).",
    },
    "training": {
        "epochs": "How often all training samples are seen.",
        "batch_size": "Samples in a step of training.",
        "learning_rate": "The step size, at the beginning.",
        "learning_rate_schedule": "How it falls: not at all, along a cosine to 0, or to a tenth and a hundredth.",
        "optimizer": "The optimizer.",
        "momentum": "Of `sgd`.",
        "weight_decay": "Decoupled; scales and biases are spared.",
        "augmentation": "Of training images: shifted by up to an eighth, mirrored.",
        "validation_split": "The last part of the training samples, which validates.",
        "checkpoint_epochs": "Keep the state every so many epochs, so that an interrupted build goes on. 0: never.",
        "weights": "A .npz, .keras or .h5 file to take the weights from. Relative to this file.",
    },
    "conversion": {
        "mode": "The post-training scheme.",
        "input_type": "What the file takes.",
        "output_type": "What the file gives.",
        "granularity": "One scale for each output channel, one for a whole tensor, or one for each block of inputs.",
        "block_size": "How many inputs share a scale, with `blockwise`.",
        "calibration": "How int8 chooses the range of each activation.",
        "percentile": "For `percentile`: where values are clipped.",
        "calibration_samples": "How many training samples choose the ranges.",
        "calibration_seed": "Draws these samples.",
        "layers": "The precision of single layers: a pattern of names, and float32, float16, int8, int4 or int2.",
        "sparse": "TensorFlow Lite's sparse encoding of weights with many zeros.",
        "strip": "Which strings and metadata are removed.",
        "algorithm": "How LiteRT's quantizer chooses integer weights.",
        "bias_correction": "Take out of each bias what rounded weights add to a layer's mean output.",
        "equalize": "Bring the channels between two layers to one scale before they are quantized.",
    },
    "gate": {
        "metric": "What is bounded.",
        "min": "At least.",
        "max": "At most.",
        "above": "More than.",
        "below": "Less than.",
        "variants": "Which variants. Empty: all.",
        "kind": "Only Keras files, or only .tflite files.",
        "modes": "Of times: in which modes. Empty: all that were run.",
        "threads": "Of times: with how many threads. Empty: all that were run.",
        "layers": "Of weights: patterns of layer names. Empty: all.",
        "except_layers": "Of weights: patterns of layer names that are left out.",
        "relative_to": "Of speedup: the variant that it is over. By default the baseline.",
        "at": "A confidence, such as `95%`: the bound must hold for the whole interval.",
        "inconclusive": "What it means when the interval cannot tell.",
        "target": "The target on which the value is meant.",
    },
    "target": {
        "runtime": "What runs the file there: `tflite_micro` or `litert`.",
        "compiler": "What estimates the file for an accelerator: `vela`.",
        "variants": "Which variants must keep the limits. Empty: all that are .tflite files.",
        "threads": "With how many threads LiteRT runs.",
        "accelerator": "The Arm Ethos-U processor.",
        "system_config": "Clock and bandwidths, by the name in Vela's configuration. Empty: Vela's choice.",
        "memory_mode": "Where weights and tensors stand, by the name in Vela's configuration. Empty: Vela's choice.",
    },
    "teaching": {
        "teacher": "The variant whose outputs are learned from.",
        "alpha": "The share of the loss on the labels.",
        "temperature": "What logits are divided by, teacher's and student's.",
        "soft_scale": "What the soft loss is multiplied by: temperature squared, or 1.",
    },
    "prune": {
        "schedule": "Raise the share of zeros step by step, or have it from the start.",
        "pattern": "Any weights, or two of every four.",
        "final_sparsity": "The share of zeros at the end.",
        "initial_sparsity": "The share of zeros at the start of a polynomial schedule.",
        "include": "Patterns of layer names.",
        "exclude": "Patterns of layer names that are left out.",
        "sparsity_by_layer": "A final share for each pattern of layer names, in place of `include`.",
        "teaching": "Fine-tune on a teacher's outputs.",
    },
    "cluster": {
        "clusters": "How many values a layer keeps.",
        "init": "How the first values are chosen.",
        "per_channel": "Values for each output channel of a convolution.",
        "preserve_sparsity": "Zeros stay zeros.",
        "include": "Patterns of layer names.",
        "exclude": "Patterns of layer names that are left out.",
        "teaching": "Fine-tune on a teacher's outputs.",
    },
    "quantize_aware": {
        "preserve": "What is kept of earlier steps.",
        "teaching": "Fine-tune on a teacher's outputs.",
    },
    "low_bit": {
        "bits": "How many bits a weight has, from 2 to 8.",
        "bits_by_layer": "Other bits for each pattern of layer names.",
        "include": "Patterns of layer names.",
        "exclude": "Patterns of layer names that are left out.",
        "preserve": "What is kept of earlier steps.",
        "entropy_penalty": "What is added to the loss for each bit that a weight takes on average when it is coded.",
        "teaching": "Fine-tune on a teacher's outputs.",
    },
    "distill": {"preserve": "What is kept of earlier steps."},
    "finetune": {"preserve": "What is kept of earlier steps."},
    "sparse_train": {"penalty": "Weight of the L1 penalty on the scales of batch normalization."},
    "slim": {
        "ratio": "The share of channels that are removed.",
        "min_channels": "How many channels a layer keeps at least.",
        "at_threshold": "What becomes of a channel whose scale is the threshold itself.",
        "unused": "What becomes of channels that nothing reads any more.",
    },
    "fold": {},
}
"""By table. Keys that all tables of training share stand in `training`, those of a teacher in `teaching`."""

_KINDS = {"max": "At most", "min": "At least"}
_ON = "Tables by the name of a data set or profile; their keys take the place of those around them."


def meaning(table: str, key: str) -> str:
    """Return what `key` of a `table` means. Raises KeyError for a key that nothing is said of."""
    if key == "on":
        return _ON
    if key == "technique":
        return "The technique."
    shared = {
        "suite": ("workload", "training"),
        "workload": (),
        "data": (),
        "variant": (),
        "budget": (),
        "gate": (),
        "target": (),
    }
    for place in (table, *shared.get(table, ("training", "teaching"))):
        if key in MEANINGS.get(place, {}):
            return MEANINGS[place][key]
    kind, _, quantity = key.partition("_")
    if (table == "budget" and kind in _KINDS and key in BUDGET_KEYS) or (table == "target" and kind in _KINDS):
        return f"{_KINDS[kind]} so much: a bound on `{quantity}`."
    raise KeyError(f"{table}.{key}")
