"""Change a .tflite file in one known way, and count what `optkit inspect` finds of it."""
