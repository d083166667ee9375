"""What optkit does with thousands of damaged .tflite files: `python -m benchmarks.studies.mutate_tflite`."""
