"""Train a small PyTorch model and convert it to .tflite. You have a model of your own: see docs/pytorch.md.

pip install torch litert-torch onnx onnxscript onnx2tf

litert-torch makes shapes.tflite (channels first, as in PyTorch) and shapes_nhwc.tflite (channels last); onnx2tf makes
shapes_onnx2tf.tflite.
"""

import shutil
import subprocess
import sys

import litert_torch
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(1)
torch.manual_seed(1)


def images(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy colour images, float32 (samples, 3, 12, 12), and labels: where the bright square stands, 0 to 3."""
    y = rng.integers(0, 4, samples)
    x = rng.integers(0, 8, (samples, 3, 12, 12)) / 16
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 2)
        image[rng.integers(3), row * 6 + 1 : row * 6 + 5, column * 6 + 1 : column * 6 + 5] += 0.25
    return x.astype(np.float32), y.astype(np.uint8)


(x_train, y_train), (x_test, y_test) = images(400), images(400)
model = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(144, 4),
)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(20):
    for places in torch.randperm(400).split(32):
        x, y = torch.from_numpy(x_train[places]), torch.from_numpy(y_train[places]).long()
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    outputs = model(torch.from_numpy(x_test)).numpy()
print("accuracy in PyTorch:", (outputs.argmax(1) == y_test).mean())
np.savez_compressed(
    "shapes.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, outputs_of_torch=outputs
)

sample = torch.zeros(1, 3, 12, 12)
litert_torch.convert(model, (sample,)).export("shapes.tflite")
last = litert_torch.to_channel_last_io(model, args=[0])
litert_torch.convert(last, (torch.zeros(1, 12, 12, 3),)).export("shapes_nhwc.tflite")

torch.onnx.export(model, (sample,), "shapes.onnx")
subprocess.run([sys.executable, "-m", "onnx2tf", "-i", "shapes.onnx", "-o", "onnx2tf"], check=True)
shutil.copy("onnx2tf/shapes_float32.tflite", "shapes_onnx2tf.tflite")
