"""A .tflite file as data: its schema, and whether the file keeps to it."""
