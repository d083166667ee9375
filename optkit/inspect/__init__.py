"""What is in a .tflite file, where its time goes, and how two files differ: with the evidence. No TensorFlow."""
